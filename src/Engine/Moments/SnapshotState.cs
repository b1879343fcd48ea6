namespace MomentTools.Moments;

/// <summary>What the machine did when a snapshot was taken: <c>&lt;state&gt;</c> of libvirt's <c>domainsnapshot</c>.</summary>
internal enum SnapshotState
{
    /// <summary><c>running</c>.</summary>
    Running,

    /// <summary><c>paused</c>.</summary>
    Paused,

    /// <summary><c>shutoff</c>.</summary>
    Shutoff,

    /// <summary><c>disk-snapshot</c>: the disks only, without the state of a running machine.</summary>
    DiskSnapshot,
}
