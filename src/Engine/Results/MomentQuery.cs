namespace MomentTools;

/// <summary>Which moments of a domain are asked for: conditions of one group are alternatives, the groups must all hold.</summary>
public sealed record MomentQuery
{
    /// <summary>Names with wildcards; empty means all.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>"Checkpoint", "Snapshot", or null for both.</summary>
    public string? Kind { get; init; }

    /// <summary>Only moments without a parent.</summary>
    public bool Roots { get; init; }

    /// <summary>Only moments without children.</summary>
    public bool Leaves { get; init; }

    /// <summary>Only moments with children.</summary>
    public bool NoLeaves { get; init; }

    /// <summary>Only moments that a disk's present content descends from directly.</summary>
    public bool Current { get; init; }

    /// <summary>Only moments that are not current.</summary>
    public bool NoCurrent { get; init; }

    /// <summary>Only moments with metadata.</summary>
    public bool Metadata { get; init; }

    /// <summary>Only what is in the images without metadata.</summary>
    public bool NoMetadata { get; init; }

    /// <summary>The children of this moment.</summary>
    public string? From { get; init; }

    /// <summary>With <see cref="From"/>: all below it.</summary>
    public bool Descendants { get; init; }

    /// <summary>Parents before children.</summary>
    public bool Topological { get; init; }

    /// <summary>Snapshots of a running machine.</summary>
    public bool Online { get; init; }

    /// <summary>Snapshots of a stopped machine.</summary>
    public bool Offline { get; init; }

    /// <summary>Snapshots without the machine's state.</summary>
    public bool DiskOnly { get; init; }

    /// <summary>Snapshots inside the images.</summary>
    public bool Internal { get; init; }

    /// <summary>Snapshots as layers.</summary>
    public bool External { get; init; }

    /// <summary>Compute for each disk how much was written since the moment.</summary>
    public bool Size { get; init; }

    /// <summary>In tree order, each with its line of the drawing.</summary>
    public bool Tree { get; init; }
}
