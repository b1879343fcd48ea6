using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>
/// What changed on a disk between a moment and an instant of the past that is served: the way through the disk's tree to the point that the
/// instant follows, and what was recorded from there on. Each link is proven now, or the answer is the error ChangesUnknown; it is never smaller.
/// </summary>
/// <param name="place">The domain's place.</param>
/// <param name="domain">The machine.</param>
/// <param name="state">Its moments.</param>
/// <param name="machine">The running machine's disks, or null where it is stopped.</param>
internal sealed class SnapshotChanges(DomainPlace place, DomainDocument domain, DomainMoments state, BlockSession? machine)
{
    private readonly SegmentFile _segments = new MomentStore(place.StateDirectory).Segments;

    /// <summary>The blocks that changed, inside the disk as it was at the instant.</summary>
    /// <param name="instant">What is known of the instant.</param>
    /// <param name="since">The moment.</param>
    /// <param name="cancellation">Stops the look.</param>
    public async Task<ExtentMap> SinceAsync(ServedInstant instant, MomentKey since, CancellationToken cancellation)
    {
        DiskTracking tracking = state.Disk(instant.Disk);
        TrackingPoint from = tracking.PointOf(since) ?? throw ExportErrors.NotCovered(domain, instant.Disk, since);
        if (instant.Doubt is { } doubt)
            throw Unknown(instant, since, doubt);
        if (instant.Point is not { } id || tracking.Points.GetValueOrDefault(id) is not { } point)
            throw Unknown(instant, since, "nothing was recorded on the disk when its present view was made");
        ObservedLayer? seen = await LookAsync(instant.Disk, cancellation);
        ChangePath path = ChangePath.Between(tracking, from.Id, point.Id, seen, _segments);
        if (path.Doubt is { } reason)
            throw Unknown(instant, since, reason);

        ExtentMap blocks = path.Saved;
        foreach (FrozenBitmap bitmap in path.Frozen)
        {
            (ExtentMap more, string? missing) = await bitmap.ReadAsync(path.Size, cancellation);
            blocks = missing is null ? blocks.Union(more) : throw Unknown(instant, since, missing);
        }

        blocks = blocks.Union((await ActiveAsync(instant.Disk, path.Bitmaps, cancellation)).Clip(path.Size));
        blocks = blocks.Union(await RecordedAsync(instant, since, tracking, point, seen, cancellation));
        // What lay beyond the end at either side of the way to the instant is new.
        if (point.Size < instant.Size)
            blocks = blocks.Union(ExtentMap.Of(new Extent(point.Size, instant.Size - point.Size)));
        return blocks.Clip(instant.Size);
    }

    private async Task<ObservedLayer?> LookAsync(string disk, CancellationToken cancellation)
    {
        if (machine is not null)
            return machine.Disks.ContainsKey(disk) ? (await SessionView.AtOpeningAsync(machine, state, cancellation))[disk] : null;
        return domain.FindDisk(disk) is { SourcePath: { } path, Format: "qcow2" } ? await ObservedLayer.ReadAsync(path, cancellation) : null;
    }

    // What was written from the last moment to the instant.
    private async Task<ExtentMap> RecordedAsync(
        ServedInstant instant, MomentKey since, DiskTracking tracking, TrackingPoint point, ObservedLayer? seen, CancellationToken cancellation)
    {
        ExtentMap beside = instant.Sidecar is { } sidecar ? _segments.Read(sidecar, instant.Disk).Blocks : ExtentMap.Empty;
        if (instant.Copy is not { } copy)
            return beside;
        if (machine is null || seen is null)
            throw Unknown(instant, since, "the machine that has the record of it does not run any more");
        QmpBlockNode? node = (await machine.Qmp.QueryNamedBlockNodesAsync(cancellation)).FirstOrDefault(one => one.NodeName == instant.Node);
        if (node?.DirtyBitmaps.FirstOrDefault(bitmap => bitmap.Name == copy) is not { Recording: false, Inconsistent: false, Granularity: TrackingProof.Granularity })
            throw Unknown(instant, since, $"the bitmap '{copy}' of what was written up to its instant is not in QEMU any more as it was made");
        ExtentMap blocks = beside.Union(await ReadAsync(instant.Node!, new BitmapRef(instant.Node!, copy), cancellation));
        // It is cut with the disk, and grows with it again, without its bits.
        long floor = Math.Min(node.VirtualSize, Floor(tracking, point, seen) ?? throw Unknown(instant, since, "the machine went to another branch since"));
        return floor < instant.Size ? blocks.Union(ExtentMap.Of(new Extent(floor, instant.Size - floor))) : blocks;
    }

    // The smallest size that the disk is known to have had from a point until now.
    private static long? Floor(DiskTracking tracking, TrackingPoint point, ObservedLayer seen)
    {
        if (tracking.ActiveTip is not { } tip || tracking.Path(point.Id, tip.PointId) is not { } edges)
            return null;
        return edges.Select(edge => edge.Floor).Append(new TrackingProof(tracking, seen).Floor).Append(seen.Size).Min();
    }

    // Closed bitmaps on the image that the machine writes to, or would write to.
    private async Task<ExtentMap> ActiveAsync(string disk, IReadOnlyList<string> bitmaps, CancellationToken cancellation)
    {
        if (bitmaps.Count == 0)
            return ExtentMap.Empty;
        if (machine is null)
            return await OfflineAsync(domain.FindDisk(disk)!.SourcePath!, bitmaps, cancellation);
        string node = machine.Disks[disk].NodeName, copy = $"mt-tmp-{MomentIds.New()}";
        await machine.Qmp.TransactionAsync(
            [
                TransactionAction.BitmapAdd(node, copy, granularity: TrackingProof.Granularity, disabled: true),
                TransactionAction.BitmapMerge(node, copy, bitmaps.Select(name => new BitmapRef(node, name))),
            ],
            CancellationToken.None);
        try
        {
            return await ReadAsync(node, new BitmapRef(node, copy), cancellation);
        }
        finally
        {
            await machine.Qmp.TransactionAsync([TransactionAction.BitmapRemove(node, copy)], CancellationToken.None);
        }
    }

    private async Task<ExtentMap> ReadAsync(string node, BitmapRef bitmap, CancellationToken cancellation)
    {
        string context = NbdContext.DirtyBitmapPrefix + bitmap.Name;
        await using SessionExports exports = machine!.OpenExports(cancellation);
        NbdClient client = await exports.ConnectAsync(node, [bitmap], [context], cancellation);
        return await client.ReadDirtyBitmapAsync(context, cancellation);
    }

    /// <summary>Closed bitmaps in an image that nobody writes to.</summary>
    public static async Task<ExtentMap> OfflineAsync(string path, IReadOnlyList<string> names, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        IReadOnlyList<Qcow2Bitmap> bitmaps = await image.BitmapsAsync(cancellation);
        ExtentMap blocks = ExtentMap.Empty;
        foreach (string name in names)
            blocks = blocks.Union(await image.ReadBitmapAsync(bitmaps.First(bitmap => bitmap.Name == name), cancellation));
        return blocks;
    }

    private Errors.MomentException Unknown(ServedInstant instant, MomentKey since, string reason) =>
        OperationErrors.Unknown(domain.Name, instant.Disk, since.Name, instant.What, reason);
}
