namespace MomentTools;

/// <summary>How two points in time are related on one disk, and how much differs.</summary>
public sealed record VMMomentComparison
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The disk's name.</summary>
    public required string Disk { get; init; }

    /// <summary>One of the two moments.</summary>
    public required string From { get; init; }

    /// <summary>The other one, or null: now.</summary>
    public string? To { get; init; }

    /// <summary>What From is to To: its ancestor, for instance.</summary>
    public required VMMomentRelation Relation { get; init; }

    /// <summary>The last moment that both descend from, or one of them where it is that; null where there is none, or none that still has a name.</summary>
    public string? CommonMoment { get; init; }

    /// <summary>Bytes written on the way from one to the other, rounded out to the granularity of the tracking; null where that is not known.</summary>
    public long? Bytes { get; init; }

    /// <summary>In how many runs they lie; null where that is not known.</summary>
    public int? Count { get; init; }

    /// <summary>The disk's virtual size in bytes: now, or the larger one of both moments; null where that is not known.</summary>
    public long? DiskSize { get; init; }

    /// <summary>Whether it is known what differs.</summary>
    public required bool Known { get; init; }

    /// <summary>Why it is not known; null where it is.</summary>
    public string? Reason { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Known ? $"{Disk} {Relation} {Bytes}" : $"{Disk} {Relation} unknown";
}
