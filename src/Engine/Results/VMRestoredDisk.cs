namespace MomentTools;

/// <summary>A disk that was restored from a backup.</summary>
public sealed record VMRestoredDisk
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The backup it comes from.</summary>
    public required string BackupId { get; init; }

    /// <summary>The disk's name.</summary>
    public required string Disk { get; init; }

    /// <summary>The file that holds the disk now.</summary>
    public required string Path { get; init; }

    /// <summary>The format of the file.</summary>
    public required string Format { get; init; }

    /// <summary>The virtual size in bytes.</summary>
    public required long Size { get; init; }

    /// <summary>Bytes that were written to the disk.</summary>
    public long WrittenBytes { get; init; }

    /// <summary>The new domain that has the disk, or null.</summary>
    public string? Domain { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Path;
}
