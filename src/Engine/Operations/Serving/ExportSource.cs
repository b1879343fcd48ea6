namespace MomentTools.Operations.Serving;

/// <summary>What has the disks that are served.</summary>
internal enum ExportSource
{
    /// <summary>The running machine's QEMU, with block snapshots.</summary>
    Machine,

    /// <summary>The storage daemon of a block snapshot of a stopped machine.</summary>
    SnapshotDaemon,

    /// <summary>A storage daemon of the exports' own, with the images of a stopped machine.</summary>
    Images,

    /// <summary>A storage daemon of the exports' own, with the files of a backup.</summary>
    Backup,
}
