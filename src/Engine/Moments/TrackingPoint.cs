namespace MomentTools.Moments;

/// <summary>
/// A point in the life of one disk, with the edge that leads to it from its parent. Points of moments, of deleted branching
/// moments (ghosts, without a moment), and the tip are all alike.
/// </summary>
/// <param name="Id">Unique in the domain, never used again.</param>
/// <param name="ParentId">The point before it, or null for the root.</param>
/// <param name="Sources">The edge from the parent: every block in which the two states may differ is in one of these.</param>
/// <param name="Floor">The smallest virtual size, in bytes, that the disk had while the edge was recorded: beyond it nothing is known by bitmaps.</param>
/// <param name="Size">The disk's virtual size at the point, in bytes.</param>
/// <param name="LayerId">The layer that held the content.</param>
/// <param name="Flushed">Whether all that the guest had written was on stable storage when the point was reported.</param>
/// <param name="Moment">The moment that the point belongs to; null for the tip and for ghosts.</param>
internal sealed record TrackingPoint(
    string Id, string? ParentId, IReadOnlyList<SegmentSource> Sources, long Floor, long Size, string LayerId, bool Flushed, MomentKey? Moment)
{
    /// <summary>Whether it is the point of a removed moment that Undo can still bring back: it stays, however few children it has.</summary>
    public bool Kept { get; init; }

    /// <summary>Why the content that is read at a snapshot's point is not what it was when it was taken; null: it is, as far as is known.</summary>
    public string? Altered { get; init; }

    /// <summary>Which snapshot inside its image the point's content is, where it is one: another tool may save another state under its name. Null where that was not recorded.</summary>
    public string? Inside { get; init; }

    /// <summary>Whether a block snapshot tells its changes from here: the point stays, however few children it has, until that one ends.</summary>
    public bool Pinned { get; init; }
}
