namespace MomentTools;

/// <summary>What going back to a snapshot means for one disk.</summary>
public sealed record VMSnapshotRestoreDisk
{
    /// <summary>The disk's name.</summary>
    public required string Name { get; init; }

    /// <summary>Whether the snapshot covers it; if not, it stays as it is.</summary>
    public required bool Restored { get; init; }

    /// <summary>The image that it has afterwards; null where that is not known yet.</summary>
    public string? Path { get; init; }

    /// <summary>Bytes written since the last snapshot, in no snapshot: what is left behind. Null where that is not known.</summary>
    public long? Written { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
