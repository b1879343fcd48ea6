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
/// Get-VMChangedBlock: from a running machine over a private merged copy of the bitmaps and a read-only export, from a stopped one out of
/// the image files, between two moments of the past out of sidecars alone where those are whole. Either every link is proven, or the
/// answer is the error ChangesUnknown.
/// </summary>
internal sealed class ChangedBlocks(EngineContext context)
{
    /// <summary>What changed from a moment to now.</summary>
    public Task<IReadOnlyList<DiskChanges>> RunAsync(
        string vm, string since, IReadOnlyList<string> disks, bool withKinds, IOperationReport report, CancellationToken cancellation) =>
        LookAsync(vm, since, null, disks, withKinds, report, cancellation);

    /// <summary>What changed between two moments, whichever is the older one, or neither.</summary>
    public async Task<IReadOnlyList<DiskChanges>> BetweenAsync(
        string vm, string from, string to, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation) =>
        await SavedAsync(vm, from, to, disks, report, cancellation) ?? await LookAsync(vm, from, to, disks, withKinds: false, report, cancellation);

    /// <summary>Out of sidecars and frozen images, which need neither QEMU nor the domain's lock; null where those are not enough.</summary>
    private async Task<IReadOnlyList<DiskChanges>?> SavedAsync(
        string vm, string from, string to, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        var store = new MomentStore(place.StateDirectory);
        ChangeQuestion question = ChangeQuestion.Make(context.Catalogue.Load(place), store.Load(report.Failure), from, to, disks);
        List<DiskChanges> changes = [];
        foreach (string disk in question.Disks)
        {
            ChangePath path;
            try
            {
                path = question.Path(disk, null, store.Segments);
            }
            catch (MomentException failure) when (failure.ErrorId == MomentErrors.SegmentUnreadable)
            {
                // Perhaps a removal merged it into another just now: under the lock it is asked again.
                return null;
            }

            if (path.NeedsActiveLayer || path.Bitmaps.Count > 0)
                return null;
            changes.Add(new DiskChanges(disk, path.Size, await question.OfflineAsync(disk, question.Proven(disk, path), null, cancellation), null));
        }

        return changes;
    }

    private async Task<IReadOnlyList<DiskChanges>> LookAsync(
        string vm, string from, string? to, IReadOnlyList<string> disks, bool withKinds, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        // Temporary bitmaps and exports are made in QEMU: not while somebody else changes the same things.
        using FileLock held = await DomainLock.TakeAsync(place.StateDirectory, "Get-VMChangedBlock", context.LockTimeout, cancellation);
        DomainDocument domain = context.Catalogue.Load(place);
        var store = new MomentStore(place.StateDirectory);
        return await AskAsync(place, ChangeQuestion.Make(domain, store.Load(report.Failure), from, to, disks), withKinds, cancellation);
    }

    /// <summary>The answer to a question, for one who holds the domain's lock.</summary>
    public static async Task<IReadOnlyList<DiskChanges>> AskAsync(DomainPlace place, ChangeQuestion question, bool withKinds, CancellationToken cancellation)
    {
        var store = new MomentStore(place.StateDirectory);
        bool runs = (await MachineProbe.RunAsync(place, question.Domain, cancellation)).State is not VMState.Stopped;
        return runs
            ? await LiveAsync(place, question, store, withKinds, cancellation)
            : await OfflineAsync(question, store, withKinds, cancellation);
    }

    private static async Task<IReadOnlyList<DiskChanges>> LiveAsync(DomainPlace place, ChangeQuestion question, MomentStore store, bool withKinds, CancellationToken cancellation)
    {
        await using BlockSession session = await BlockSession.OpenAsync(place, question.Domain, question.Present, BlockAccess.Read, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.AtOpeningAsync(session, question.State, cancellation);
        List<(SessionDisk Disk, ChangePath Path)> paths = [.. question.Present.Select(disk => (session.Disks[disk], question.Proven(disk, question.Path(disk, seen[disk], store.Segments))))];
        string copy = $"mt-tmp-{MomentIds.New()}";
        (SessionDisk Disk, ChangePath Path)[] copied = [.. paths.Where(path => path.Path.Bitmaps.Count > 0)];
        TransactionAction[] merges = [.. copied.SelectMany(path => new[]
        {
            TransactionAction.BitmapAdd(path.Disk.NodeName, copy, granularity: TrackingProof.Granularity, disabled: true),
            TransactionAction.BitmapMerge(path.Disk.NodeName, copy, path.Path.Bitmaps.Select(name => new BitmapRef(path.Disk.NodeName, name))),
        })];
        List<DiskChanges> changes = await GoneAsync(question, store, cancellation);
        if (merges.Length > 0)
            await session.Qmp.TransactionAsync(merges, CancellationToken.None);
        try
        {
            await using SessionExports exports = session.OpenExports(cancellation);
            foreach ((SessionDisk disk, ChangePath path) in paths)
            {
                ExtentMap blocks = await question.FrozenAsync(disk.Name, path, cancellation);
                bool hasCopy = path.Bitmaps.Count > 0;
                string context = NbdContext.DirtyBitmapPrefix + copy;
                string[] contexts = [.. hasCopy ? [context] : (string[])[], .. withKinds ? [NbdContext.BaseAllocation] : (string[])[]];
                if (contexts.Length == 0)
                {
                    changes.Add(new DiskChanges(disk.Name, path.Size, blocks, null));
                    continue;
                }

                await using NbdClient client = await exports.ConnectAsync(disk.NodeName, hasCopy ? [new BitmapRef(disk.NodeName, copy)] : [], contexts, cancellation);
                if (hasCopy)
                    blocks = blocks.Union((await client.ReadDirtyBitmapAsync(context, cancellation)).Clip(path.Size));
                changes.Add(new DiskChanges(disk.Name, path.Size, blocks, withKinds ? await ZeroesAsync(client, blocks, cancellation) : null));
            }
        }
        finally
        {
            if (copied.Length > 0)
                await session.Qmp.TransactionAsync(copied.Select(path => TransactionAction.BitmapRemove(path.Disk.NodeName, copy)), CancellationToken.None);
        }

        return changes;
    }

    private static async Task<IReadOnlyList<DiskChanges>> OfflineAsync(ChangeQuestion question, MomentStore store, bool withKinds, CancellationToken cancellation)
    {
        List<DiskChanges> changes = await GoneAsync(question, store, cancellation);
        foreach (string disk in question.Present)
        {
            DomainDisk definition = question.Domain.FindDisk(disk)!;
            ObservedLayer seen = await ObservedLayer.ReadAsync(definition.SourcePath!, cancellation);
            ChangePath path = question.Proven(disk, question.Path(disk, seen, store.Segments));
            ExtentMap blocks = await question.OfflineAsync(disk, path, definition.SourcePath, cancellation);
            ExtentMap? zero = null;
            if (withKinds)
            {
                IReadOnlyList<ImageLayer> chain = await DiskChain.ResolveAsync(question.Domain.Name, definition, readOnly: true, cancellation);
                await using Qcow2Chain content = await Qcow2Chain.OpenAsync(definition.SourcePath!, new PathListImageGate(chain.Select(layer => layer.Path)), cancellation);
                zero = await ZeroesAsync(content, blocks, cancellation);
            }

            changes.Add(new DiskChanges(disk, path.Size, blocks, zero));
        }

        return changes;
    }

    // Of a disk that was taken out of the machine only what was saved can be told.
    private static async Task<List<DiskChanges>> GoneAsync(ChangeQuestion question, MomentStore store, CancellationToken cancellation)
    {
        List<DiskChanges> changes = [];
        foreach (string disk in question.Disks.Except(question.Present, StringComparer.Ordinal))
        {
            ChangePath path = question.Proven(disk, question.Path(disk, null, store.Segments));
            changes.Add(new DiskChanges(disk, path.Size, await question.FrozenAsync(disk, path, cancellation), null));
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
