using MomentTools.Blocks;
using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>
/// Which sources make up what changed on a disk from a moment to now, each proven at this moment: bitmaps on the active layer, sidecars
/// in place of bitmaps that are gone, and the range that a change of size makes unknown. Pure, but for reading sidecars.
/// </summary>
/// <param name="Bitmaps">The proven bitmaps on the active layer, by name.</param>
/// <param name="Saved">What the sidecars hold, and what a resize changed.</param>
/// <param name="Doubt">Why the answer is unknown, or null.</param>
internal sealed record ChangePath(IReadOnlyList<string> Bitmaps, ExtentMap Saved, string? Doubt)
{
    public static ChangePath SinceMoment(DiskTracking tracking, MomentKey moment, ObservedLayer seen, SegmentFile segments)
    {
        if (tracking.PointOf(moment) is not { } point || tracking.ActiveTip is not { } tip)
            return Unknown("the moment does not cover the disk");
        if (tracking.Layers[tip.LayerId].Path != seen.Path)
            return Unknown($"the active image is '{seen.Path}', but the recorded one is '{tracking.Layers[tip.LayerId].Path}'");
        if (tracking.Path(point.Id, tip.PointId) is not { } edges)
            return Unknown("a moment between is missing in the metadata");
        var proof = new TrackingProof(tracking, seen);
        List<string> bitmaps = [];
        ExtentMap saved = Resized(edges, point.Size, seen.Size);
        foreach (TrackingPoint edge in edges)
        {
            if (edge.Sources.Count == 0)
                return Unknown("the metadata of a moment between has no record of what changed");
            foreach (SegmentSource source in edge.Sources)
            {
                if (source is SegmentSource.Bitmap bitmap && proof.WhyNot(bitmap) is null)
                    bitmaps.Add(bitmap.Name);
                else if (source is SegmentSource.Lost lost)
                    return Unknown(lost.Reason);
                else if (SidecarOf(source) is not { } sidecar)
                    return Unknown(proof.WhyNot((SegmentSource.Bitmap)source)!);
                else
                    saved = saved.Union(segments.Read(sidecar, tracking.Disk).Blocks);
            }
        }

        return new ChangePath(bitmaps, saved.Clip(seen.Size), null);
    }

    // Bitmaps say nothing of what lies beyond the smallest size that the disk had meanwhile.
    private static ExtentMap Resized(IReadOnlyList<TrackingPoint> edges, long then, long now)
    {
        long floor = edges.Aggregate(Math.Min(then, now), (least, edge) => Math.Min(least, edge.Floor));
        return floor < now ? ExtentMap.Of(new Extent(floor, now - floor)) : ExtentMap.Empty;
    }

    private static string? SidecarOf(SegmentSource source) => source switch
    {
        SegmentSource.Bitmap bitmap => bitmap.SidecarId,
        SegmentSource.Sidecar sidecar => sidecar.SidecarId,
        _ => null,
    };

    private static ChangePath Unknown(string why) => new([], ExtentMap.Empty, why);
}
