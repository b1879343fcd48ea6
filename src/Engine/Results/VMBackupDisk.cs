namespace MomentTools;

/// <summary>One disk in a backup.</summary>
public sealed record VMBackupDisk
{
    /// <summary>The disk's name.</summary>
    public required string Name { get; init; }

    /// <summary>Full, or incremental: what the file holds stands on another's.</summary>
    public required VMBackupKind Kind { get; init; }

    /// <summary>The id of the backup that the file stands on; null where it is full.</summary>
    public string? ParentId { get; init; }

    /// <summary>Whether the content was read and compared, because nothing proved what had changed.</summary>
    public bool Compared { get; init; }

    /// <summary>Why it is full, or was compared, although an increment was wanted; or null.</summary>
    public string? Reason { get; init; }

    /// <summary>The qcow2 file.</summary>
    public required string Path { get; init; }

    /// <summary>The disk's virtual size in bytes.</summary>
    public required long Size { get; init; }

    /// <summary>The file's size in bytes.</summary>
    public required long StoredSize { get; init; }

    /// <summary>Bytes that were copied.</summary>
    public required long CopiedBytes { get; init; }

    /// <summary>The runs of bytes that were copied.</summary>
    public int Extents { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Kind})";
}
