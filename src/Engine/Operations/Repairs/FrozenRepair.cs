using MomentTools.Moments;
using MomentTools.Operations.Snapshots;

namespace MomentTools.Operations.Repairs;

/// <summary>
/// A layer that snapshots stand on was written, and is accepted as it is: what is read through it from now on is the content of those
/// points, and what lies between them and others is lost. Edges between checkpoints stay: they are facts of the past. Pure.
/// </summary>
internal static class FrozenRepair
{
    /// <param name="tracking">The disk's tree.</param>
    /// <param name="damage">What was found.</param>
    /// <param name="facts">What the file is now.</param>
    /// <param name="isSaved">Whether a sidecar is there and whole.</param>
    public static DiskTracking Accept(DiskTracking tracking, FrozenDamage damage, LayerFacts facts, Func<string, bool> isSaved)
    {
        string reason = $"the image '{damage.Layer.Path}' was written after it was frozen: {damage.Text}";
        HashSet<string> tips = [.. tracking.Tips.Values.Select(tip => tip.PointId)];
        HashSet<string> altered = [.. Altered(tracking, damage.Layer.Id, tips).Select(point => point.Id)];
        var points = new Dictionary<string, TrackingPoint>(StringComparer.Ordinal);
        foreach (TrackingPoint point in tracking.Points.Values)
        {
            IReadOnlyList<SegmentSource> sources = [.. point.Sources.Select(source => Settled(source, damage.Layer.Id, reason, isSaved)).Distinct()];
            if (point.ParentId is { } parent && (altered.Contains(point.Id) || altered.Contains(parent)))
                sources = [.. sources.Append(new SegmentSource.Lost(reason)).Distinct()];
            points[point.Id] = point with { Sources = sources, Altered = altered.Contains(point.Id) && !tips.Contains(point.Id) ? reason : point.Altered };
        }

        return (tracking with { Points = points }).WithLayer(tracking.Layers[damage.Layer.Id] with { Facts = facts });
    }

    // A snapshot's content, and that of a branch, is in the files; a checkpoint's is history.
    private static IEnumerable<TrackingPoint> Altered(DiskTracking tracking, string layerId, HashSet<string> tips) =>
        tracking.Points.Values.Where(point => (point.Moment is { Kind: MomentKind.Snapshot } || tips.Contains(point.Id) || tracking.Layers.Values.Any(layer => layer.FrozenTop == point.Id))
            && FrozenLayers.IsReadThrough(tracking, point.LayerId, layerId));

    // What the layer's own bitmaps say cannot be told from what was made of them.
    private static SegmentSource Settled(SegmentSource source, string layerId, string reason, Func<string, bool> isSaved) => source switch
    {
        SegmentSource.Bitmap bitmap when bitmap.LayerId != layerId => source,
        SegmentSource.Bitmap { SidecarId: { } saved } when isSaved(saved) => new SegmentSource.Sidecar(saved),
        SegmentSource.Bitmap => new SegmentSource.Lost(reason),
        _ => source,
    };
}
