namespace MomentTools;

/// <summary>How much of a disk was written between two points in time.</summary>
public sealed record VMChangedBlockMeasure
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The disk's name.</summary>
    public required string Disk { get; init; }

    /// <summary>The moment from which it is counted.</summary>
    public required string Since { get; init; }

    /// <summary>The moment up to which it is counted, or null: now.</summary>
    public string? To { get; init; }

    /// <summary>Changed bytes, rounded out to the granularity of the tracking.</summary>
    public required long Bytes { get; init; }

    /// <summary>In how many runs they lie.</summary>
    public required int Count { get; init; }

    /// <summary>The disk's virtual size in bytes: now, or the larger one of both moments.</summary>
    public required long DiskSize { get; init; }
}
