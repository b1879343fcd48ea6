using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// Get-VMChangedBlock -Since: from a running machine over a private merged copy of the bitmaps and a read-only export, from a stopped one
/// out of the image files. Either every link is proven, or the answer is the error ChangesUnknown.
/// </summary>
internal sealed class ChangedBlocks(EngineContext context)
{
    public async Task<IReadOnlyList<DiskChanges>> RunAsync(
        string vm, string since, IReadOnlyList<string> disks, bool withKinds, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        // Temporary bitmaps and exports are made in QEMU: not while somebody else changes the same things.
        using FileLock held = await DomainLock.TakeAsync(place.StateDirectory, "Get-VMChangedBlock", context.LockTimeout, cancellation);
        DomainDocument domain = context.Catalogue.Load(place);
        var store = new MomentStore(place.StateDirectory);
        DomainMoments state = store.Load(report.Failure);
        MomentKey moment = state.Tree(out _).Require(since).Key;
        string[] covered = Covered(state, domain, moment, disks);
        bool runs = (await MachineProbe.RunAsync(place, domain, cancellation)).State is not VMState.Stopped;
        return runs
            ? await LiveAsync(place, domain, store, state, moment, covered, withKinds, cancellation)
            : await OfflineAsync(domain, store, state, moment, covered, withKinds, cancellation);
    }

    private static string[] Covered(DomainMoments state, DomainDocument domain, MomentKey moment, IReadOnlyList<string> asked)
    {
        foreach (string disk in asked)
        {
            if (domain.FindDisk(disk) is null)
                throw CheckpointAlignment.UnknownDisk(disk, domain);
            if (state.Disk(disk).PointOf(moment) is null)
                throw new MomentException(OperationErrors.DiskNotCovered, $"'{moment.Name}' of '{domain.Name}' does not cover disk '{disk}'.", disk, "Get-VMMoment shows which disks a moment covers.");
        }

        string[] covered = [.. domain.Disks.Select(disk => disk.Target).Where(disk => (asked.Count == 0 || asked.Contains(disk, StringComparer.Ordinal)) && state.Disk(disk).PointOf(moment) is not null)];
        return covered.Length > 0 ? covered : throw new MomentException(OperationErrors.DiskNotCovered, $"'{moment.Name}' of '{domain.Name}' covers none of the disks that the domain has now.", moment.Name, "Get-VMMoment shows which disks a moment covers.");
    }

    private static ChangePath Require(DiskTracking tracking, MomentKey moment, ObservedLayer seen, MomentStore store, string vm)
    {
        ChangePath path = ChangePath.SinceMoment(tracking, moment, seen, store.Segments);
        return path.Doubt is null ? path : throw OperationErrors.Unknown(vm, tracking.Disk, moment.Name, path.Doubt);
    }

    private static async Task<IReadOnlyList<DiskChanges>> LiveAsync(
        DomainPlace place, DomainDocument domain, MomentStore store, DomainMoments state, MomentKey moment, string[] disks, bool withKinds, CancellationToken cancellation)
    {
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, disks, BlockAccess.Read, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = SessionView.AtOpening(session);
        List<(SessionDisk Disk, ChangePath Path)> paths = [.. disks.Select(disk => (session.Disks[disk], Require(state.Disk(disk), moment, seen[disk], store, domain.Name)))];
        string copy = $"mt-tmp-{MomentIds.New()}";
        TransactionAction[] merges = [.. paths.SelectMany(path => new[]
        {
            TransactionAction.BitmapAdd(path.Disk.NodeName, copy, granularity: TrackingProof.Granularity, disabled: true),
            TransactionAction.BitmapMerge(path.Disk.NodeName, copy, path.Path.Bitmaps.Select(name => new BitmapRef(path.Disk.NodeName, name))),
        })];
        List<DiskChanges> changes = [];
        await session.Qmp.TransactionAsync(merges, CancellationToken.None);
        try
        {
            await using SessionExports exports = await session.OpenExportsAsync(cancellation);
            foreach ((SessionDisk disk, ChangePath path) in paths)
            {
                string context = NbdContext.DirtyBitmapPrefix + copy;
                string[] contexts = withKinds ? [context, NbdContext.BaseAllocation] : [context];
                await using NbdClient client = await exports.ConnectAsync(disk.NodeName, [new BitmapRef(disk.NodeName, copy)], contexts, cancellation);
                ExtentMap blocks = path.Saved.Union((await client.ReadDirtyBitmapAsync(context, cancellation)).Clip(disk.VirtualSize));
                changes.Add(new DiskChanges(disk.Name, disk.VirtualSize, blocks, withKinds ? await ZeroesAsync(client, blocks, cancellation) : ExtentMap.Empty));
            }
        }
        finally
        {
            await session.Qmp.TransactionAsync(paths.Select(path => TransactionAction.BitmapRemove(path.Disk.NodeName, copy)), CancellationToken.None);
        }

        return changes;
    }

    private static async Task<IReadOnlyList<DiskChanges>> OfflineAsync(
        DomainDocument domain, MomentStore store, DomainMoments state, MomentKey moment, string[] disks, bool withKinds, CancellationToken cancellation)
    {
        List<DiskChanges> changes = [];
        foreach (string disk in disks)
        {
            DomainDisk definition = domain.FindDisk(disk)!;
            ObservedLayer seen = await ObservedLayer.ReadAsync(definition.SourcePath!, cancellation);
            ChangePath path = Require(state.Disk(disk), moment, seen, store, domain.Name);
            ExtentMap blocks = path.Saved;
            await using (Qcow2Image image = await Qcow2Image.OpenAsync(definition.SourcePath!, cancellation))
            {
                IReadOnlyList<Qcow2Bitmap> bitmaps = await image.BitmapsAsync(cancellation);
                foreach (string name in path.Bitmaps)
                    blocks = blocks.Union(await image.ReadBitmapAsync(bitmaps.First(bitmap => bitmap.Name == name), cancellation));
            }

            ExtentMap zero = ExtentMap.Empty;
            if (withKinds)
            {
                IReadOnlyList<ImageLayer> chain = await DiskChain.ResolveAsync(domain.Name, definition, readOnly: true, cancellation);
                await using Qcow2Chain content = await Qcow2Chain.OpenAsync(definition.SourcePath!, new PathListImageGate(chain.Select(layer => layer.Path)), cancellation);
                zero = await ZeroesAsync(content, blocks, cancellation);
            }

            changes.Add(new DiskChanges(disk, seen.Size, blocks, zero));
        }

        return changes;
    }

    // One pass over the disk where the runs are many, one query a run where they are few.
    private static async Task<ExtentMap> ZeroesAsync(IBlockReader reader, ExtentMap blocks, CancellationToken cancellation)
    {
        if (blocks.Count == 0)
            return ExtentMap.Empty;
        var zero = new ExtentMapBuilder();
        long start = blocks[0].Offset, end = blocks[^1].End;
        await foreach (BlockStatus status in reader.StatusAsync(start, end - start, cancellation))
            if (status.Kind != BlockKind.Data)
                zero.Add(status.Offset, status.Length);
        return zero.Build().Intersect(blocks);
    }
}
