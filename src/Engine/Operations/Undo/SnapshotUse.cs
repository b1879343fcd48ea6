using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Branches;
using MomentTools.Operations.Layers;
using MomentTools.Operations.Serving;
using MomentTools.Operations.Snapshots;
using MomentTools.Xml;

namespace MomentTools.Operations.Undo;

/// <summary>
/// Use-VMSnapshot: to a temporary branch of a snapshot and back. Going there: note, branch, switch. Coming back: switch, everything that was
/// made meanwhile forgotten and let go, note. Each step stands for itself, so the way back begins wherever the way there ended; the note goes
/// last. Where its process is dead, the next changing command goes the way back.
/// </summary>
internal static class SnapshotUse
{
    public const string Operation = "snapshot-use-end";
    public const string Command = "Use-VMSnapshot";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Goes to a temporary branch. However this ends, <see cref="EndAsync"/> must follow.</summary>
    public static async Task BeginAsync(EngineContext context, string vm, UseSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, Command, report, cancellation);
        string directory = scope.Place.StateDirectory;
        if (UseNote.Find(directory) is { } other)
            throw UndoErrors.Nested(vm, request.Name, other.Holder, other.IsOwn);
        MomentKey key = BranchStart.Require(scope.State, request.Name);
        string doing = $"use snapshot '{request.Name}' of '{vm}'";
        OwnerCheck.Require(scope.Domain, request.AcceptOwner, doing);
        ServedDisks.Of(scope.Place).Refuse(scope.State.Disks.Values.Where(disk => disk.PointOf(key) is not null).Select(disk => disk.Disk), doing);
        bool? running = await RunsAsync(scope, cancellation);
        bool keepsMemory = running is not null && !request.DiskOnly;
        if (keepsMemory)
            OwnerCheck.RefuseRestart(scope.Domain, doing);
        var note = new UseNote(
            request.Id.ToString("N"), Environment.ProcessId, HostProcess.Find(Environment.ProcessId)?.StartTime ?? 0, DateTimeOffset.UtcNow, request.Name,
            KeepAside.HiddenName("use-" + scope.Id), scope.State.ActiveBranch, running, keepsMemory, [.. scope.State.BranchNames], [.. scope.State.Moments.Keys.Select(known => known.ToString())]);
        note.Write(directory);
        context.Probe?.Invoke("snapshot-use:noted");
        await BranchCreation.MakeAsync(scope, note.Temporary, key, null, cancellation);
        context.Probe?.Invoke("snapshot-use:branch");
        await BranchSwitch.RunAsync(
            scope, doing, scope.State, note.Temporary, new SwitchOptions { KeepMemory = keepsMemory, AcceptOwner = request.AcceptOwner, Paused = running == false }, report, cancellation);
        // A snapshot of a machine that was off is one that is off.
        if (running is not null && ((SnapshotDocument)scope.State.Moments[key].Document).MomentState() is SnapshotState.Shutoff && scope.Domain.Monitor is null)
            await new MachineStopper(scope.Place, context.Catalogue.Load(scope.Place)).StopAsync(force: true, Patience, cancellation);
        context.Probe?.Invoke("snapshot-use:there");
    }

    /// <summary>Comes back, if this use is what the note is of.</summary>
    public static async Task EndAsync(EngineContext context, string vm, Guid id, IOperationReport report, CancellationToken cancellation)
    {
        if (!context.Catalogue.Names().Contains(vm, StringComparer.Ordinal) || UseNote.Find(context.Catalogue.Place(vm).StateDirectory) is not { } note || note.Id != id.ToString("N"))
            return;
        try
        {
            using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, Command, report, cancellation);
            await ReturnAsync(context, scope, note, report, cancellation);
        }
        catch (MomentException)
        {
            // Nobody is left who waits for it: from now on any changing command tries again.
            if (UseNote.Find(context.Catalogue.Place(vm).StateDirectory) is { } still && still.Id == note.Id)
                (note with { ProcessId = 0 }).Write(context.Catalogue.Place(vm).StateDirectory);
            throw;
        }
    }

    /// <summary>Goes the way back, from wherever the way there ended.</summary>
    public static async Task ReturnAsync(EngineContext context, ChangeScope scope, UseNote note, IOperationReport report, CancellationToken cancellation)
    {
        string vm = scope.Place.Name, directory = scope.Place.StateDirectory;
        if (!scope.State.BranchNames.Contains(note.Home, StringComparer.Ordinal))
        {
            UseNote.Remove(directory);
            throw UndoErrors.CannotReturn(vm, note.Home, "there is no such branch any more; it was renamed or removed meanwhile.");
        }

        if (IsAway(scope.State, note))
        {
            // A kill between the load and the removal of its file leaves nobody else who knows of it.
            note = note with { MemoryFile = scope.State.Branches.GetValueOrDefault(note.Home)?.Memory };
            note.Write(directory);
            await GoHomeAsync(context, scope, note, report, cancellation);
        }

        context.Probe?.Invoke("snapshot-use:home");
        if (note.MemoryFile is { } memory)
            MemoryFiles.Remove(MemoryFiles.Unused(scope.State, [memory]));
        DomainMoments next = Without(scope.Store, scope.State, note, scope.Id);
        if (!ReferenceEquals(next, scope.State))
        {
            using Journal journal = scope.Begin(Operation, [], next);
            scope.Commit(journal, next);
        }

        context.Probe?.Invoke("snapshot-use:forgotten");
        // The note goes last: as long as it is there somebody sees to what is left.
        await CollectAsync(scope, report, cancellation);
        UseNote.Remove(directory);
        context.Probe?.Invoke("snapshot-use:end");
    }

    // The machine is back: what cannot be removed now is not the use's failure, and is for the next collection.
    private static async Task CollectAsync(ChangeScope scope, IOperationReport report, CancellationToken cancellation)
    {
        try
        {
            await Collector.RunAsync(scope, new CollectorLimits(), report, cancellation);
        }
        catch (MomentException failure)
        {
            report.Warning($"'{scope.Place.Name}' is back, but what the use of its snapshot left could not be removed yet: {failure.Message}");
        }
    }

    private static bool IsAway(DomainMoments state, UseNote note) =>
        state.ActiveBranch != note.Home || state.Disks.Values.Any(disk => disk.ActiveBranch != note.Home && disk.Tips.ContainsKey(note.Home));

    private static async Task GoHomeAsync(EngineContext context, ChangeScope scope, UseNote note, IOperationReport report, CancellationToken cancellation)
    {
        // What runs on the temporary branch is given up; a memory that comes back needs a new QEMU anyway.
        bool runs = await RunsAsync(scope, cancellation) is not null;
        if (runs && scope.Domain.Monitor is null && (note.Running is null || scope.State.Branches.GetValueOrDefault(note.Home)?.Memory is not null))
            await new MachineStopper(scope.Place, context.Catalogue.Load(scope.Place)).StopAsync(force: true, Patience, cancellation);
        await BranchSwitch.RunAsync(
            scope, $"bring '{scope.Place.Name}' back to branch '{note.Home}'", scope.State, note.Home,
            new SwitchOptions { Running = note.Running == true, Paused = note.Running == false, AcceptOwner = true }, report, cancellation);
    }

    private static async Task<bool?> RunsAsync(ChangeScope scope, CancellationToken cancellation)
    {
        MachineProbe machine = await MachineProbe.RunAsync(scope.Place, scope.Domain, cancellation);
        return machine.Trouble is { } trouble ? throw trouble : machine.State switch { VMState.Stopped => null, VMState.Running => true, _ => false };
    }

    // Branches that were made meanwhile go, and the moments that only they have; all of it is kept for no time at all.
    private static DomainMoments Without(MomentStore store, DomainMoments state, UseNote note, string operationId)
    {
        HashSet<string> there = [.. note.Branches, note.Home];
        string[] branches = [.. state.BranchNames.Where(name => !there.Contains(name) && !KeepAside.IsUsed(state, name)).Order(StringComparer.Ordinal)];
        HashSet<MomentKey> staying = [.. state.Disks.Values.SelectMany(disk => disk.Tips.Where(tip => !branches.Contains(tip.Key, StringComparer.Ordinal)).SelectMany(tip => disk.MomentsAbove(tip.Value.PointId)))];
        HashSet<string> known = [.. note.Moments];
        MomentKey[] moments = [.. state.Moments.Keys.Where(key => !known.Contains(key.ToString()) && !staying.Contains(key))];
        DomainMoments next = state;
        // What a restore or a removal in the block kept aside is of no use any more.
        foreach (KeptAside kept in state.Kept.Where(kept => kept.Since >= note.Since && kept.Until > note.Since))
            next = next.With(kept with { Until = note.Since });
        if (moments.Length > 0)
            next = next.Forget(moments, KeepAside.Of(operationId + "m", Command, TimeSpan.Zero, null, null, store.FilesOf(state, moments)));
        foreach ((string branch, int index) in branches.Select((branch, index) => (branch, index)))
        {
            string hidden = branch.StartsWith(Branch.HiddenPrefix, StringComparison.Ordinal) ? branch : KeepAside.HiddenName($"{operationId}-{index}");
            if (next.Kept.Any(kept => kept.Branch == hidden))
                continue;
            next = (hidden == branch ? next : next.RenameBranch(branch, hidden)).With(KeepAside.Of($"{operationId}b{index}", Command, TimeSpan.Zero, hidden, branch));
        }

        return next;
    }
}
