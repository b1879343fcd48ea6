using MomentTools.Blocks;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// New tips on the layers that a snapshot froze: an empty overlay for each disk, with its own recording bitmap and mark, made in a storage
/// daemon of ours while the machine does what it does. Until the metadata names them they are files that nobody uses.
/// </summary>
internal static class ForkedTips
{
    /// <summary>Where the overlays come to lie, beside what they stand on; nothing is made.</summary>
    /// <param name="scope">The machine.</param>
    /// <param name="starts">Each disk's point of the snapshot, and the layer that froze then.</param>
    /// <param name="name">What the overlays begin with.</param>
    public static IReadOnlyList<MadeFile> Plan(ChangeScope scope, IEnumerable<(string Disk, string PointId, TrackingLayer Layer)> starts, string name)
    {
        // The images of the other disks are not there yet, and must not be taken twice.
        HashSet<string> taken = new(StringComparer.Ordinal);
        List<MadeFile> files = [];
        foreach ((_, _, TrackingLayer layer) in starts)
        {
            string path = OverlayFile.PathFor(layer.Path, scope.Domain.Uuid!.Value, name, taken);
            taken.Add(path);
            files.Add(new MadeFile(path, layer.Path));
        }

        return files;
    }

    /// <summary>Makes them.</summary>
    /// <param name="scope">The machine.</param>
    /// <param name="journal">The operation, whose intent names the files.</param>
    /// <param name="state">The moments, without a tip of the branch.</param>
    /// <param name="branch">The branch that gets the tips.</param>
    /// <param name="starts">Where it begins on each disk.</param>
    /// <param name="files">The overlays, in the same order.</param>
    /// <param name="cancellation">Stops the making; what was made stays for the caller to remove.</param>
    /// <returns>The moments with the tips.</returns>
    public static async Task<DomainMoments> MakeAsync(
        ChangeScope scope, Journal journal, DomainMoments state, string branch,
        IReadOnlyList<(string Disk, string PointId, TrackingLayer Layer)> starts, IReadOnlyList<MadeFile> files, CancellationToken cancellation)
    {
        var tops = starts.ToDictionary(start => start.Disk, start => (start.Layer.Path, FormatOf(start.Layer)), StringComparer.Ordinal);
        await using BlockSession session = await BlockSession.OpenImagesAsync(scope.Place, scope.Domain, tops, BlockAccess.Read, cancellation);
        await using AuthoredBitmaps full = await AuthoredBitmaps.WriteAsync(
            session, scope.Id + "m", [.. starts.Select(start => (start.Disk, ExtentMap.Of(new Extent(0, session.Disks[start.Disk].VirtualSize))))], cancellation);
        List<TransactionAction> actions = [];
        for (int i = 0; i < starts.Count; i++)
        {
            (string disk, string pointId, TrackingLayer layer) = starts[i];
            SessionDisk below = session.Disks[disk];
            string node = OverlayNode.NameFor(scope.Id, i), recording = $"{MomentIds.BitmapPrefix}{scope.Id}-{i}";
            TrackingLayer overlay = await OverlayFile.CreateAsync(session, node, files[i].Path, layer.Path, FormatOf(layer), below.VirtualSize, layer.Path, cancellation);
            journal.Pass("layer");
            await new OverlayNode(node, files[i].Path).AddAsync(session.Qmp, below.NodeName, DriverOptions.Default, cancellation);
            DiskTracking forked = state.Disk(disk).Fork(branch, pointId, overlay with { Made = true }, below.VirtualSize, recording, MomentIds.New());
            actions.Add(TransactionAction.BitmapAdd(node, recording, persistent: true, TrackingProof.Granularity));
            actions.AddRange(CheckpointStep.Mark(node, forked.Tips[branch].Marker, full.Bitmaps[i]));
            state = state.With(forked);
        }

        await session.Qmp.TransactionAsync(actions, cancellation);
        await full.DisposeAsync();
        // The bitmaps reach the images when the daemon closes them.
        await session.CloseAsync(cancellation);
        await Task.Run(() => files.ToList().ForEach(file => DurableFile.FlushFile(file.Path)), CancellationToken.None);
        journal.Pass("layers");
        return state;
    }

    private static string FormatOf(TrackingLayer layer) => layer.Facts?.Format ?? OverlayFile.Format;
}
