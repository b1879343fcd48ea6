namespace MomentTools;

/// <summary>One restorable point in a backup repository.</summary>
public sealed record VMBackup
{
    /// <summary>The machine's name at the time.</summary>
    public required string VM { get; init; }

    /// <summary>The backup's id: it sorts by time.</summary>
    public required string Id { get; init; }

    /// <summary>The id of the backup this one builds on, or null.</summary>
    public string? Parent { get; init; }

    /// <summary>Full if every disk is, else incremental.</summary>
    public required VMBackupKind Kind { get; init; }

    /// <summary>The instant whose content it holds.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The checkpoint it made on the machine.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>The disks.</summary>
    public IReadOnlyList<VMBackupDisk> Disks { get; init => field = Indexed.Of(value); } = [];

    /// <summary>Bytes that the backup takes in the repository.</summary>
    public long Size => Disks.Sum(disk => disk.StoredSize);

    /// <summary>The repository's directory.</summary>
    public required string Repository { get; init; }

    /// <summary>The machine's UUID.</summary>
    public required Guid Uuid { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Id;
}
