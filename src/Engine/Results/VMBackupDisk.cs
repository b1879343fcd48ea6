namespace MomentTools;

/// <summary>One disk in a backup.</summary>
public sealed record VMBackupDisk
{
    /// <summary>The disk's name.</summary>
    public required string Name { get; init; }

    /// <summary>Full or incremental.</summary>
    public required VMBackupKind Kind { get; init; }

    /// <summary>Why it is full although an increment was wanted, or null.</summary>
    public string? Reason { get; init; }

    /// <summary>The qcow2 file.</summary>
    public required string Path { get; init; }

    /// <summary>The disk's virtual size in bytes.</summary>
    public required long Size { get; init; }

    /// <summary>The file's size in bytes.</summary>
    public required long StoredSize { get; init; }

    /// <summary>Bytes that were copied.</summary>
    public required long CopiedBytes { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Kind})";
}
