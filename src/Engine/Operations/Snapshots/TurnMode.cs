namespace MomentTools.Operations.Snapshots;

/// <summary>How the content of a snapshot becomes the disks'.</summary>
internal enum TurnMode
{
    /// <summary>The running QEMU loads disks and memory (<c>snapshot-load</c>).</summary>
    Memory,

    /// <summary>The running QEMU lets the images go for the moment in which the snapshot is applied, and the guest is reset.</summary>
    Exchange,

    /// <summary>Nobody has the images open.</summary>
    Closed,
}
