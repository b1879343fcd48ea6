namespace MomentTools;

/// <summary>What the removal or the merging of snapshots would do.</summary>
public sealed record VMSnapshotRemoval
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The moments that end, in the order in which they go.</summary>
    public IReadOnlyList<VMMoment> Moments { get; init => field = Indexed.Of(value); } = [];

    /// <summary>The moments that stay.</summary>
    public IReadOnlyList<string> Stays { get; init => field = Indexed.Of(value); } = [];

    /// <summary>What becomes of which file, once the time to undo is over.</summary>
    public IReadOnlyList<VMLayerChange> Files { get; init => field = Indexed.Of(value); } = [];

    /// <summary>The bytes of the files that go.</summary>
    public long Bytes { get; init; }
}
