namespace MomentTools;

/// <summary>One restorable point in a backup repository.</summary>
public sealed record VMBackup
{
    /// <summary>The machine's name at the time.</summary>
    public required string VM { get; init; }

    /// <summary>The backup's id: it sorts by time.</summary>
    public required string Id { get; init; }

    /// <summary>The id of the newest backup that was there before, or null. What it stands on, <see cref="DependsOn"/> says.</summary>
    public string? Parent { get; init; }

    /// <summary>A copy or a differential one where that was asked for; else full if every disk is, else incremental.</summary>
    public required VMBackupKind Kind { get; init; }

    /// <summary>"push" where QEMU's own jobs wrote it, "pull" where it was read from a held instant.</summary>
    public string Mode { get; init; } = "push";

    /// <summary>Why it was made, in the maker's words, or null.</summary>
    public string? Description { get; init; }

    /// <summary>The instant whose content it holds.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The checkpoint it made on the machine; null for a copy.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>The disks.</summary>
    public IReadOnlyList<VMBackupDisk> Disks { get; init => field = Indexed.Of(value); } = [];

    /// <summary>Whether the machine's firmware variables are stored with it.</summary>
    public bool HasFirmware { get; init; }

    /// <summary>The ids of the backups that its disks stand on directly.</summary>
    public IReadOnlyList<string> DependsOn { get; init => field = Indexed.Of(value); } = [];

    /// <summary>The ids of the backups that stand on it directly.</summary>
    public IReadOnlyList<string> Dependents { get; init => field = Indexed.Of(value); } = [];

    /// <summary>The id of the full backup at the bottom of its first disk: backups of one chain have the same.</summary>
    public string? Chain { get; init; }

    /// <summary>The line of the tree drawing that this backup stands on; only with -Tree.</summary>
    public string? Tree { get; init; }

    /// <summary>Bytes that the backup takes in the repository.</summary>
    public long Size => Disks.Sum(disk => disk.StoredSize);

    /// <summary>The repository's directory.</summary>
    public required string Repository { get; init; }

    /// <summary>The machine's UUID.</summary>
    public required Guid Uuid { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Id;
}
