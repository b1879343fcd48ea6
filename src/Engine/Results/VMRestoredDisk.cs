namespace MomentTools;

/// <summary>A disk that was restored from a backup to a new file.</summary>
public sealed record VMRestoredDisk
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The backup it comes from.</summary>
    public required string BackupId { get; init; }

    /// <summary>The disk's name.</summary>
    public required string Disk { get; init; }

    /// <summary>The new file.</summary>
    public required string Path { get; init; }

    /// <summary>The format of the new file.</summary>
    public required string Format { get; init; }

    /// <summary>The virtual size in bytes.</summary>
    public required long Size { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Path;
}
