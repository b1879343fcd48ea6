using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations.Serving;

/// <summary>What is known of a disk up to now, beginning with its last moment: where a block snapshot is taken, what it can tell of its past.</summary>
/// <param name="Point">The last moment's point; null where nothing is known.</param>
/// <param name="Bitmaps">The bitmaps on the active layer that have what was written since.</param>
/// <param name="Beside">What was written since according to sidecars and frozen layers.</param>
/// <param name="Doubt">Why nothing is known, or null.</param>
internal sealed record KnownChanges(string? Point, IReadOnlyList<string> Bitmaps, ExtentMap Beside, string? Doubt)
{
    public static KnownChanges None(string doubt) => new(null, [], ExtentMap.Empty, doubt);

    public static async Task<KnownChanges> OfAsync(DiskTracking tracking, ObservedLayer? seen, SegmentFile segments, CancellationToken cancellation)
    {
        if (tracking.ActiveTip is not { } tip || tracking.Points[tip.PointId].ParentId is not { } point || seen is null)
            return None("no checkpoint covers the disk");
        try
        {
            ChangePath path = ChangePath.Between(tracking, point, tip.PointId, seen, segments, savedFirst: false);
            if (path.Doubt is { } doubt)
                return None(doubt);
            ExtentMap beside = path.Saved;
            foreach (FrozenBitmap bitmap in path.Frozen)
            {
                (ExtentMap blocks, string? why) = await bitmap.ReadAsync(path.Size, cancellation);
                if (why is not null)
                    return None(why);
                beside = beside.Union(blocks);
            }

            return new KnownChanges(point, path.Bitmaps, beside, null);
        }
        catch (MomentException failure) when (failure.ErrorId == MomentErrors.SegmentUnreadable)
        {
            return None(failure.Message.TrimEnd('.'));
        }
    }
}
