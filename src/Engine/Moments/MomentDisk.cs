namespace MomentTools.Moments;

/// <summary>
/// What a moment says about one disk. The disk has a tree of its own, whose points this entry names; the domain's tree
/// says nothing about changed blocks.
/// </summary>
/// <param name="Name">The disk's name in the domain, as <c>vda</c>.</param>
/// <param name="Covered">Whether the moment is a moment of this disk too; the rest is null or 0 where not.</param>
/// <param name="PointId">The moment's point in the tree of the disk, or null where it has none (imported, not tracked).</param>
/// <param name="ParentPointId">The point before it on this disk (perhaps one without a name), or null.</param>
/// <param name="Size">The disk's virtual size at the moment, in bytes.</param>
internal sealed record MomentDisk(string Name, bool Covered, string? PointId, string? ParentPointId, long Size);
