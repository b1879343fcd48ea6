namespace MomentTools;

/// <summary>What becomes of one file when snapshots are removed or merged.</summary>
public sealed record VMLayerChange
{
    /// <summary>The disk; null for a file with a machine's memory.</summary>
    public string? Disk { get; init; }

    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>Its bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>"Merge" (into another one, then removed), "Copy" (into the layer on top), "Remove", "Forget" (it is not ours and stays) or "Keep".</summary>
    public required string Action { get; init; }

    /// <summary>The layer that takes its content; null where none does.</summary>
    public string? Into { get; init; }

    /// <summary>Why it stays; null where it does not.</summary>
    public string? Reason { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Into is null ? $"{Action} {Path}" : $"{Action} {Path} into {Into}";
}
