namespace MomentTools;

/// <summary>The tip of a branch on one disk.</summary>
public sealed record VMBranchDisk
{
    /// <summary>The disk's name.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// The branch that the tip belongs to: another one where the disk stayed behind, because the snapshot that the branch began at does not
    /// cover it. Null where nothing was recorded of the disk, which all branches share.
    /// </summary>
    public string? Branch { get; init; }

    /// <summary>The image that holds the tip, or null where the disk has none.</summary>
    public string? Path { get; init; }

    /// <summary>The id of that image among the layers of the disk, or null: nothing was recorded of it yet.</summary>
    public string? Layer { get; init; }

    /// <summary>The internal snapshot of the image that holds the tip, or null: the image itself does.</summary>
    public string? Snapshot { get; init; }

    /// <summary>The nearest moment under the tip on this disk, or null.</summary>
    public string? Current { get; init; }

    /// <summary>Bytes of the image's file, or null where it cannot be looked at.</summary>
    public long? Size { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
