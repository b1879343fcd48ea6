namespace MomentTools;

/// <summary>In what state a branch waits.</summary>
public enum VMBranchState
{
    /// <summary>The machine is on it now.</summary>
    Now,

    /// <summary>The machine was shut down when it was left, or has not been there yet.</summary>
    Clean,

    /// <summary>It was left while the guest ran, without its memory: the disks are as after a power cut.</summary>
    PowerCut,

    /// <summary>It was left with the machine's memory, which goes on where it was.</summary>
    Memory,
}
