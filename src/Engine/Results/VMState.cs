namespace MomentTools;

/// <summary>What a virtual machine is doing (QAPI's <c>RunState</c>, put into the words people use).</summary>
public enum VMState
{
    /// <summary>No QEMU runs for it.</summary>
    Stopped,

    /// <summary>The guest runs.</summary>
    Running,

    /// <summary>QEMU runs, the guest stands still and goes on when told.</summary>
    Paused,

    /// <summary>QEMU stopped the guest because of an I/O error, for instance a full disk.</summary>
    IoError,

    /// <summary>QEMU is in a state in which the guest cannot simply go on (migrating, restoring, crashed).</summary>
    Other,

    /// <summary>QEMU could not be asked; a warning says why.</summary>
    Unknown,
}
