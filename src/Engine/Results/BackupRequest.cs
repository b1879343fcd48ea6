namespace MomentTools;

/// <summary>What a backup shall be.</summary>
public sealed record BackupRequest
{
    /// <summary>The repository's directory; made if it does not exist.</summary>
    public required string Repository { get; init; }

    /// <summary>How much to store.</summary>
    public VMBackupKind Kind { get; init; }

    /// <summary>The disks; empty means every disk that can be backed up.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>The most bytes per second that each disk may read; 0 means no limit.</summary>
    public long SpeedLimit { get; init; }

    /// <summary>Compress the stored clusters (deflate).</summary>
    public bool Compress { get; init; }

    /// <summary>Have the guest's agent freeze the file systems for the instant; where that cannot be done, nothing is.</summary>
    public bool Quiesce { get; init; }
}
