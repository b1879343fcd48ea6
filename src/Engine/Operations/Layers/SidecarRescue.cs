using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Layers;

/// <summary>
/// Before a layer's bitmaps go, each closed segment on it is made sure to be in its sidecar: what has none is read, out of the file or of QEMU,
/// and written. What cannot be read any more is lost, and says why.
/// </summary>
internal sealed class SidecarRescue(ChangeScope scope, string disk, BlockSession? machine)
{
    /// <summary>The tree with nothing but sidecars for what is closed on a layer, and the names of the bitmaps that are not needed for it any more.</summary>
    public async Task<(DiskTracking Tracking, IReadOnlyList<string> Freed)> RunAsync(DiskTracking tracking, TrackingLayer layer, CancellationToken cancellation)
    {
        HashSet<string> recording = [.. tracking.Tips.Values.Where(tip => tip.LayerId == layer.Id).Select(tip => tip.Recording)];
        SegmentSource.Bitmap[] closed = [.. tracking.Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>()
            .Where(bitmap => bitmap.LayerId == layer.Id && !recording.Contains(bitmap.Name)).Distinct()];
        Dictionary<SegmentSource.Bitmap, SegmentSource> saved = [];
        Dictionary<string, Segment> written = new(StringComparer.Ordinal);
        foreach (SegmentSource.Bitmap bitmap in closed)
            saved[bitmap] = bitmap.SidecarId is { } sidecar && scope.Store.Segments.IsWhole(sidecar, disk) ? new SegmentSource.Sidecar(sidecar) : await SaveAsync(tracking, layer, bitmap, cancellation);
        return (tracking.OnSidecars(layer.Id, bitmap => saved[bitmap]), [.. closed.Select(bitmap => bitmap.Name).Distinct(StringComparer.Ordinal)]);
    }

    private async Task<SegmentSource> SaveAsync(DiskTracking tracking, TrackingLayer layer, SegmentSource.Bitmap bitmap, CancellationToken cancellation)
    {
        (Segment? segment, string? doubt) = machine?.Disks.GetValueOrDefault(disk) is { } open && open.Path == layer.Path
            ? await FromQemuAsync(tracking, open, bitmap, cancellation)
            : await FromFileAsync(tracking, layer, bitmap.Name, cancellation);
        if (segment is null)
            return new SegmentSource.Lost(doubt!);
        string id = MomentIds.New();
        scope.Store.Segments.Write(id, new Dictionary<string, Segment>(StringComparer.Ordinal) { [disk] = segment });
        return new SegmentSource.Sidecar(id);
    }

    // Of the layer that a machine writes to, the file does not say yet what its bitmaps hold.
    private async Task<(Segment? Segment, string? Doubt)> FromQemuAsync(DiskTracking tracking, SessionDisk open, SegmentSource.Bitmap bitmap, CancellationToken cancellation)
    {
        ObservedLayer seen = (await SessionView.BitmapsAsync(machine!, cancellation))[disk];
        var proof = new TrackingProof(tracking, seen);
        if (proof.WhyNot(bitmap) is { } doubt)
            return (null, doubt);
        string copy = $"mt-tmp-{scope.Id}";
        await machine!.Qmp.TransactionAsync(
            [TransactionAction.BitmapAdd(open.NodeName, copy, granularity: TrackingProof.Granularity, disabled: true), TransactionAction.BitmapMerge(open.NodeName, copy, [new BitmapRef(open.NodeName, bitmap.Name)])],
            CancellationToken.None);
        try
        {
            await using SessionExports exports = machine.OpenExports(cancellation);
            Segment read = (await SegmentCapture.ReadAsync(exports, open.NodeName, copy, open.VirtualSize, cancellation))!;
            // It was cut with its disk, and grew with it again, without its bits.
            long floor = Math.Min(Math.Min(proof.Floor, open.VirtualSize), tracking.LayerFloor(bitmap.LayerId)), size = LargestSize(tracking, open.VirtualSize);
            return (read with { Blocks = floor < size ? read.Blocks.Union(ExtentMap.Of(new Extent(floor, size - floor))) : read.Blocks, Size = size }, null);
        }
        finally
        {
            await machine.Qmp.BitmapRemoveAsync(open.NodeName, copy, CancellationToken.None);
        }
    }

    // What a saved copy does not reach counts as not written.
    private static long LargestSize(DiskTracking tracking, long now) => tracking.Points.Values.Aggregate(now, (size, point) => Math.Max(size, point.Size));

    private static async Task<(Segment? Segment, string? Doubt)> FromFileAsync(DiskTracking tracking, TrackingLayer layer, string name, CancellationToken cancellation)
    {
        // What a layer that is written bears is the mark of its tip.
        string? top = layer.FrozenTop ?? tracking.Tips.Values.FirstOrDefault(tip => tip.LayerId == layer.Id && tip.Saved is null)?.PointId;
        long size;
        try
        {
            size = LargestSize(tracking, (await DiskChain.HeaderAsync(layer.Path, cancellation)).Size);
        }
        catch (MomentException failure)
        {
            return (null, failure.Message.TrimEnd('.'));
        }

        (ExtentMap blocks, string? doubt) = await new FrozenBitmap(layer, name, top ?? "", tracking.LayerFloor(layer.Id)).ReadAsync(size, cancellation);
        return doubt is null ? (new Segment(blocks, size, TrackingProof.Granularity), null) : (null, doubt);
    }
}
