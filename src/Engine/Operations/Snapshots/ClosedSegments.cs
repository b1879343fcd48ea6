using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// What the closed bitmaps of a disk's active layer hold, brought to sidecars alone, because the bitmaps are about to go. What cannot be
/// read is lost, and says why.
/// </summary>
/// <param name="Sources">By the bitmap's name, what stands for it.</param>
/// <param name="Read">Those that were read from the bitmap only now: what is known of the layer's sizes counts for them.</param>
internal sealed record ClosedSegments(IReadOnlyDictionary<string, SegmentSource> Sources, IReadOnlySet<string> Read)
{
    public static async Task<ClosedSegments> SaveAsync(
        SegmentFile sidecars, BlockSession session, DiskTracking tracking, ObservedLayer seen, string operationId, CancellationToken cancellation)
    {
        Dictionary<string, SegmentSource> sources = new(StringComparer.Ordinal);
        HashSet<string> read = new(StringComparer.Ordinal);
        if (tracking.ActiveTip is not { } tip)
            return new ClosedSegments(sources, read);
        var proof = new TrackingProof(tracking, seen);
        foreach (SegmentSource.Bitmap bitmap in tracking.Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>()
            .Where(bitmap => bitmap.LayerId == tip.LayerId && bitmap.Name != tip.Recording).Distinct())
        {
            if (bitmap.SidecarId is { } sidecar && sidecars.IsWhole(sidecar, tracking.Disk))
            {
                sources[bitmap.Name] = new SegmentSource.Sidecar(sidecar);
            }
            else if (proof.WhyNot(bitmap) is { } doubt)
            {
                sources[bitmap.Name] = new SegmentSource.Lost(doubt);
            }
            else
            {
                string id = MomentIds.New();
                Segment segment = await ReadAsync(session, session.Disks[tracking.Disk].NodeName, bitmap.Name, ImageTurn.Copy(operationId), seen.Size, cancellation);
                sidecars.Write(id, new Dictionary<string, Segment>(StringComparer.Ordinal) { [tracking.Disk] = segment });
                sources[bitmap.Name] = new SegmentSource.Sidecar(id);
                read.Add(bitmap.Name);
            }
        }

        return new ClosedSegments(sources, read);
    }

    /// <summary>The tree with its closed segments in sidecars alone.</summary>
    public DiskTracking Apply(DiskTracking tracking, ObservedLayer seen)
    {
        if (tracking.ActiveTip is not { } tip)
            return tracking;
        var proof = new TrackingProof(tracking, seen);
        // A bitmap is cut with its disk, and grows with it again, without its bits.
        long floor = Math.Min(Math.Min(proof.Floor, seen.Size), tracking.LayerFloor(tip.LayerId));
        DiskTracking moved = tracking.OnSidecars(tip.LayerId, bitmap => Sources[bitmap.Name]);
        TrackingPoint[] late = [.. tracking.Points.Values.Where(point => point.Sources.OfType<SegmentSource.Bitmap>().Any(bitmap => bitmap.LayerId == tip.LayerId && Read.Contains(bitmap.Name)))];
        if (late.Length == 0)
            return moved;
        var points = new Dictionary<string, TrackingPoint>(moved.Points, StringComparer.Ordinal);
        foreach (TrackingPoint point in late)
            points[point.Id] = points[point.Id] with { Floor = Math.Min(point.Floor, floor) };
        return moved with { Points = points };
    }

    // A bitmap that is merged elsewhere is not kept busy by the export.
    private static async Task<Segment> ReadAsync(BlockSession session, string node, string bitmap, string copy, long size, CancellationToken cancellation)
    {
        await session.Qmp.TransactionAsync(
            [
                TransactionAction.BitmapAdd(node, copy, granularity: TrackingProof.Granularity, disabled: true),
                TransactionAction.BitmapMerge(node, copy, [new BitmapRef(node, bitmap)]),
            ], CancellationToken.None);
        try
        {
            await using SessionExports exports = session.OpenExports(cancellation);
            return (await SegmentCapture.ReadAsync(exports, node, copy, size, cancellation))!;
        }
        finally
        {
            await session.Qmp.BitmapRemoveAsync(node, copy, CancellationToken.None);
        }
    }
}
