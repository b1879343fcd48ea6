namespace MomentTools;

/// <summary>One disk in a block snapshot.</summary>
public sealed record VMBlockSnapshotDisk
{
    /// <summary>The disk's name.</summary>
    public required string Name { get; init; }

    /// <summary>How many bytes can be read: the disk's virtual size at the instant.</summary>
    public required long Size { get; init; }

    /// <summary>The file that takes what the machine overwrites; null where none is needed, because the machine does not run.</summary>
    public string? ScratchPath { get; init; }

    /// <summary>How many bytes the scratch file takes now; null where there is none.</summary>
    public long? ScratchBytes { get; init; }

    /// <summary>How many bytes the scratch file may take before the block snapshot breaks; null for no limit but the file system's.</summary>
    public long? ScratchLimit { get; init; }

    /// <summary>Whether it can be read.</summary>
    public VMServiceState State { get; init; }

    /// <summary>
    /// "copy-before-write": a full scratch file breaks the block snapshot, and the machine does not notice; "backup": a full scratch file makes
    /// the guest's writes fail, because the device accepts no filter; "image": the machine is stopped, and the images are read as they are.
    /// </summary>
    public required string Method { get; init; }

    /// <summary>Whether a block export serves it now.</summary>
    public bool Exported { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
