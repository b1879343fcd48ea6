using MomentTools.Blocks;

namespace MomentTools.Moments;

/// <summary>The content of a closed segment: the blocks that changed between two points of one disk.</summary>
/// <param name="Blocks">The changed bytes, in whole blocks of the granularity, cut at the size.</param>
/// <param name="Size">The disk's virtual size in bytes while it was recorded.</param>
/// <param name="Granularity">Bytes per bit of the bitmap that recorded it.</param>
internal sealed record Segment(ExtentMap Blocks, long Size, long Granularity);
