namespace MomentTools;

/// <summary>Bitmaps of other programs that shall become checkpoints, all or none.</summary>
public sealed record ImportBitmapsRequest
{
    /// <summary>By name of the bitmap: the disks; none means every disk that has it.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<string>> Bitmaps { get; init; }

    /// <summary>The checkpoint's name, for one bitmap only; null: that of the bitmap.</summary>
    public string? Name { get; init; }

    /// <summary>What the checkpoints are about.</summary>
    public string? Description { get; init; }

    /// <summary>When the bitmaps were begun, which gives the checkpoints their place in the tree; null: that is not known.</summary>
    public DateTimeOffset? Created { get; init; }
}
