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
/// <param name="context">What the engine shares.</param>
/// <param name="command">Who asks, for those who wait for the lock.</param>
internal sealed class ChangedBlocks(EngineContext context, string command = "Get-VMChangedBlock")
{
    private const long NearBytes = 16 << 20;

    /// <summary>What changed from a moment to now.</summary>
    public async Task<IReadOnlyList<DiskChanges>> RunAsync(
        string vm, string since, IReadOnlyList<string> disks, bool withKinds, IOperationReport report, CancellationToken cancellation) =>
        (await LookAsync(vm, (domain, state) => ChangeQuestion.Make(domain, state, since, null, disks), withKinds, report, cancellation)).Changes;

    /// <summary>What changed between two moments, whichever is the older one, or neither.</summary>
    public async Task<IReadOnlyList<DiskChanges>> BetweenAsync(
        string vm, string from, string to, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation) =>
        (await SavedOrLookAsync(vm, (domain, state) => ChangeQuestion.Make(domain, state, from, to, disks), report, cancellation)).Changes;

    /// <summary>
    /// What changed up to a snapshot, or up to now on a stopped machine, with the content that it changed to. It stands still: whoever reads it
    /// when it was written to after all is told.
    /// </summary>
    public async Task<IReadOnlyList<DiskChanges>> ReadAsync(
        string vm, string from, string? to, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        ChangeQuestion Ask(DomainDocument domain, DomainMoments state) => ChangeQuestion.Make(domain, state, from, to, disks) with { WithContent = true };
        if (to is null)
            return (await LookAsync(vm, Ask, withKinds: true, report, cancellation)).Changes;
        (ChangeQuestion question, IReadOnlyList<DiskChanges> changes) = await SavedOrLookAsync(vm, Ask, report, cancellation);
        var frozen = new FrozenContent(question.Domain, question.State, question.To!);
        List<DiskChanges> read = [];
        foreach (DiskChanges disk in changes)
            read.Add(await frozen.OfAsync(disk, cancellation));
        return read;
    }

    /// <summary>The same, or from a moment to now, with the reason for each disk whose changes are unknown; and the question, for what else is known of its ends.</summary>
    public Task<(ChangeQuestion Question, IReadOnlyList<DiskChanges> Changes)> CompareAsync(
        string vm, string from, string? to, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation) =>
        SavedOrLookAsync(vm, (domain, state) => ChangeQuestion.Make(domain, state, from, to, disks, eachForItself: true), report, cancellation);

    private async Task<(ChangeQuestion Question, IReadOnlyList<DiskChanges> Changes)> SavedOrLookAsync(
        string vm, Func<DomainDocument, DomainMoments, ChangeQuestion> ask, IOperationReport report, CancellationToken cancellation) =>
        await SavedAsync(vm, ask, report, cancellation) ?? await LookAsync(vm, ask, withKinds: false, report, cancellation);

    /// <summary>Out of sidecars and frozen images, which need neither QEMU nor the domain's lock; null where those are not enough.</summary>
    private async Task<(ChangeQuestion Question, IReadOnlyList<DiskChanges> Changes)?> SavedAsync(
        string vm, Func<DomainDocument, DomainMoments, ChangeQuestion> ask, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        var store = new MomentStore(place.StateDirectory);
        ChangeQuestion question = ask(context.Catalogue.Load(place), store.Load(report.Failure));
        if (question.To is null && question.Disks.Count > 0)
            return null;
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
            changes.Add(await question.OfflineAsync(disk, question.Proven(disk, path), null, cancellation));
        }

        return (question, changes);
    }

    private async Task<(ChangeQuestion Question, IReadOnlyList<DiskChanges> Changes)> LookAsync(
        string vm, Func<DomainDocument, DomainMoments, ChangeQuestion> ask, bool withKinds, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        // Temporary bitmaps and exports are made in QEMU: not while somebody else changes the same things.
        using FileLock held = await DomainLock.TakeAsync(place.StateDirectory, command, context.LockTimeout, cancellation);
        DomainDocument domain = context.Catalogue.Load(place);
        var store = new MomentStore(place.StateDirectory);
        ChangeQuestion question = ask(domain, store.Load(report.Failure));
        return (question, await AskAsync(place, question, withKinds, cancellation));
    }

    /// <summary>The answer to a question, for one who holds the domain's lock.</summary>
    public static async Task<IReadOnlyList<DiskChanges>> AskAsync(DomainPlace place, ChangeQuestion question, bool withKinds, CancellationToken cancellation)
    {
        var store = new MomentStore(place.StateDirectory);
        bool runs = (await MachineProbe.RunAsync(place, question.Domain, cancellation)).State is not VMState.Stopped;
        if (runs && question is { WithContent: true, To: null })
            throw OperationErrors.ContentMoves(place.Name);
        return runs
            ? await LiveAsync(place, question, store, withKinds, cancellation)
            : await OfflineAsync(question, store, withKinds, cancellation);
    }

    private static async Task<IReadOnlyList<DiskChanges>> LiveAsync(DomainPlace place, ChangeQuestion question, MomentStore store, bool withKinds, CancellationToken cancellation)
    {
        List<DiskChanges> changes = await GoneAsync(question, store, cancellation);
        if (question.Present.Count == 0)
            return changes;
        await using BlockSession session = await BlockSession.OpenAsync(place, question.Domain, question.Present, BlockAccess.Read, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.AtOpeningAsync(session, question.State, cancellation);
        List<(SessionDisk Disk, ChangePath Path, DiskChanges Frozen)> paths = [];
        foreach (string name in question.Present)
        {
            DiskChanges frozen = await TellAsync(question, name, async () =>
            {
                ChangePath path = question.Proven(name, question.Path(name, seen[name], store.Segments));
                DiskChanges found = await question.FrozenAsync(name, path, cancellation);
                if (found.Doubt is null)
                    paths.Add((session.Disks[name], path, found));
                return found;
            });
            if (frozen.Doubt is not null)
                changes.Add(frozen);
        }

        string copy = $"mt-tmp-{MomentIds.New()}";
        (SessionDisk Disk, ChangePath Path, DiskChanges Frozen)[] copied = [.. paths.Where(path => path.Path.Bitmaps.Count > 0)];
        TransactionAction[] merges = [.. copied.SelectMany(path => new[]
        {
            TransactionAction.BitmapAdd(path.Disk.NodeName, copy, granularity: TrackingProof.Granularity, disabled: true),
            TransactionAction.BitmapMerge(path.Disk.NodeName, copy, path.Path.Bitmaps.Select(name => new BitmapRef(path.Disk.NodeName, name))),
        })];
        if (merges.Length > 0)
            await session.Qmp.TransactionAsync(merges, CancellationToken.None);
        try
        {
            await using SessionExports exports = session.OpenExports(cancellation);
            foreach ((SessionDisk disk, ChangePath path, DiskChanges frozen) in paths)
            {
                ExtentMap blocks = frozen.Blocks;
                if (path.Bitmaps.Count > 0)
                {
                    string context = NbdContext.DirtyBitmapPrefix + copy;
                    NbdClient client = await exports.ConnectAsync(disk.NodeName, [new BitmapRef(disk.NodeName, copy)], [context], cancellation);
                    blocks = blocks.Union((await client.ReadDirtyBitmapAsync(context, cancellation)).Clip(path.Size));
                }

                changes.Add(frozen with { Blocks = blocks, Zero = withKinds ? await ZeroesAsync(exports, disk, blocks, cancellation) : null });
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
            changes.Add(await TellAsync(question, disk, () => OfflineAsync(question, disk, store, withKinds, cancellation)));
        return changes;
    }

    private static async Task<DiskChanges> OfflineAsync(ChangeQuestion question, string disk, MomentStore store, bool withKinds, CancellationToken cancellation)
    {
        DomainDisk definition = question.Domain.FindDisk(disk)!;
        // Taken before anything is read: what is told and what can be read is one state.
        IReadOnlyList<string> chain = withKinds ? [.. (await DiskChain.ResolveAsync(question.Domain.Name, definition, readOnly: true, cancellation)).Select(layer => layer.Path)] : [];
        StillImages? images = question.WithContent && question.To is null ? await StillImages.SettleAsync(question.Domain.Name, disk, chain, cancellation) : null;
        ObservedLayer seen = await ObservedLayer.ReadAsync(definition.SourcePath!, cancellation);
        ChangePath path = question.Proven(disk, question.Path(disk, seen, store.Segments));
        DiskChanges changes = await question.OfflineAsync(disk, path, definition.SourcePath, cancellation);
        if (!withKinds || changes.Doubt is not null)
            return changes;
        await using Qcow2Chain image = await Qcow2Chain.OpenAsync(definition.SourcePath!, new PathListImageGate(chain), cancellation);
        changes = changes with { Zero = await image.ZeroesAsync(changes.Blocks, cancellation), Content = images?.Content() };
        images?.Verify();
        return changes;
    }

    // Of a disk that was taken out of the machine only what was saved can be told.
    private static async Task<List<DiskChanges>> GoneAsync(ChangeQuestion question, MomentStore store, CancellationToken cancellation)
    {
        List<DiskChanges> changes = [];
        foreach (string disk in question.Disks.Except(question.Present, StringComparer.Ordinal))
            changes.Add(await TellAsync(question, disk, () => question.FrozenAsync(disk, question.Proven(disk, question.Path(disk, null, store.Segments)), cancellation)));
        return changes;
    }

    // What goes wrong on one disk is no reason not to tell of the others, where each is told for itself.
    private static async Task<DiskChanges> TellAsync(ChangeQuestion question, string disk, Func<Task<DiskChanges>> answer)
    {
        try
        {
            return await answer();
        }
        catch (MomentException failure) when (question.EachForItself)
        {
            return new DiskChanges(disk, 0, ExtentMap.Empty, null, failure.Message.TrimEnd('.'));
        }
    }

    // A line of its own: QEMU answers for all contexts of a line, and this one costs the most.
    private static async Task<ExtentMap> ZeroesAsync(SessionExports exports, SessionDisk disk, ExtentMap blocks, CancellationToken cancellation)
    {
        if (blocks.Count == 0)
            return ExtentMap.Empty;
        NbdClient client = await exports.ConnectAsync(disk.NodeName, [], [NbdContext.BaseAllocation], cancellation);
        return await ZeroesAsync(client, blocks, cancellation);
    }

    /// <summary>
    /// What of these runs reads as zeroes by base:allocation. One question for all that lie near to each other: the answer in between costs
    /// less than to ask again.
    /// </summary>
    public static async Task<ExtentMap> ZeroesAsync(NbdClient client, ExtentMap blocks, CancellationToken cancellation)
    {
        if (!client.Contexts.Contains(NbdContext.BaseAllocation, StringComparer.Ordinal))
            return ExtentMap.Empty;
        var zero = new ExtentMapBuilder();
        for (int first = 0, next; first < blocks.Count; first = next)
        {
            for (next = first + 1; next < blocks.Count && blocks[next].Offset - blocks[next - 1].End <= NearBytes;)
                next++;
            await client.ReadFlaggedAsync(NbdContext.BaseAllocation, NbdContext.StateZero, blocks[first].Offset, blocks[next - 1].End - blocks[first].Offset, zero, cancellation);
        }

        return zero.Build().Intersect(blocks);
    }
}
