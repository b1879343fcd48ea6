using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Branches;
using MomentTools.Operations.Undo;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Restore-VMSnapshot. To an external snapshot: new tips on the layers that froze with it, and the machine is switched to them; the tips
/// that are left stay as the old branch's, or are kept aside. To an internal one: <see cref="InternalRestore"/>. No frozen image is written.
/// </summary>
internal sealed class SnapshotRestore(EngineContext context)
{
    public const string Command = "Restore-VMSnapshot";

    /// <summary>What a restore would do and leave behind; nothing is changed.</summary>
    public async Task<VMSnapshotRestore> PlanAsync(string vm, RestoreSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        Check(vm, request);
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        var store = new MomentStore(place.StateDirectory);
        DomainMoments state = store.Load(report.Failure).Of(domain.Disks.Select(disk => disk.Target));
        RestoreTarget target = RestoreTarget.Find(vm, domain, state, store, request.Name);
        Dictionary<string, long?> written = new(StringComparer.Ordinal);
        foreach (string disk in target.Covered)
            written[disk] = await RestoreLosses.WrittenAsync(context, vm, state.Disk(disk), report, cancellation);
        return Result(domain, state, target, request, state.Disk(target.Covered[0]).ActiveBranch) with
        {
            Discarded = request.Branch is null ? Names(RestoreLosses.Named(state, target, state.ActiveBranch)) : [],
            Disks = [.. Disks(domain, target).Select(disk => disk.Restored ? disk with { Path = null, Written = written[disk.Name] } : disk)],
        };
    }

    public async Task<VMSnapshotRestore> RunAsync(string vm, RestoreSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        Check(vm, request);
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, Command, report, cancellation);
        string doing = $"restore snapshot '{request.Name}' of '{vm}'";
        OwnerCheck.Require(scope.Domain, request.AcceptOwner, doing);
        RestoreTarget target = RestoreTarget.Find(vm, scope.Domain, scope.State, scope.Store, request.Name);
        if (request.Branch is not null)
            BranchNames.RequireFree(scope.State, scope.Place, request.Branch, $"{doing} on a new branch");
        foreach (string disk in target.Gone)
            report.Warning($"Snapshot '{request.Name}' also covers disk '{disk}', which '{vm}' does not have any more.");
        if (target.Uncovered.Count > 0)
            report.Warning($"Snapshot '{request.Name}' does not cover disk {Health.FindingList.Listed(target.Uncovered)} of '{vm}', which stays as it is.");
        string? taken = null;
        VMSnapshotRestore done;
        try
        {
            done = target.Internal ? await InternalAsync(scope, target, request, KeepAsync, report, cancellation) : await ExternalAsync(scope, target, request, doing, KeepAsync, report, cancellation);
        }
        catch when (taken is not null)
        {
            report.Warning($"Snapshot '{taken}' of the state that '{vm}' was to leave had been taken, and stays.");
            throw;
        }

        await Collection.TryAsync(scope, merge: true, report, cancellation);
        return done with { Taken = taken };

        // After all that can be refused, and before anything is left.
        async Task KeepAsync()
        {
            taken = await CurrentKeeping.RunAsync(context, scope, target, request, report, cancellation);
            scope.Renew();
        }
    }

    private async Task<VMSnapshotRestore> InternalAsync(
        ChangeScope scope, RestoreTarget target, RestoreSnapshotRequest request, Func<Task> keep, IOperationReport report, CancellationToken cancellation)
    {
        string left = scope.State.Disk(target.Covered[0]).ActiveBranch;
        var options = new InternalRestoreOptions
        {
            Branch = request.Branch,
            UndoFor = request.UndoFor ?? InternalRestoreOptions.DefaultUndo,
            Goal = request.Running ? VMState.Running : request.Paused ? VMState.Paused : null,
            Force = request.Force,
            Cmdlet = Command,
        };
        await keep();
        TurnOutcome outcome = await new InternalRestore(context.Catalogue, scope, report).RunAsync(target.Key, options, cancellation);
        return Result(context.Catalogue.Load(scope.Place), scope.State, target, request, left) with { State = outcome.State };
    }

    private async Task<VMSnapshotRestore> ExternalAsync(
        ChangeScope scope, RestoreTarget target, RestoreSnapshotRequest request, string doing, Func<Task> keep, IOperationReport report, CancellationToken cancellation)
    {
        string vm = scope.Place.Name, branch = request.Branch ?? scope.State.ActiveBranch, left = scope.State.Disk(target.Covered[0]).ActiveBranch;
        (IReadOnlyList<MomentKey> moments, IReadOnlyList<string> branches) = request.Branch is null ? RestoreLosses.Named(scope.State, target, branch) : ([], []);
        if (moments.Count + branches.Count > 0 && !request.Discard)
            throw RestoreErrors.Invalidates(vm, request.Name, Names((moments, branches)));
        IncomingMemory? memory = RestoreMemory.Find(vm, target, scope.Domain, request.Force, report);
        if (memory is not null)
            OwnerCheck.RefuseRestart(scope.Domain, doing);
        await keep();
        await using DiskSwitch change = await DiskSwitch.OpenAsync(scope, target.Covered, doing, report, cancellation);

        DomainMoments prepared = Prepared(scope, target, request, moments, branches);
        IReadOnlyList<MadeFile> made = ForkedTips.Plan(scope, target.Starts, request.Branch ?? scope.Id);
        DateTimeOffset since = DateTimeOffset.UtcNow;
        using Journal journal = scope.Begin(BranchSwitch.Operation, new JsonObject { ["made"] = new JsonArray([.. made.Select(file => (JsonNode)file.ToJson())]) }, scope.State);
        try
        {
            prepared = await ForkedTips.MakeAsync(scope, journal, prepared, branch, target.Starts, made, cancellation);
            SwitchPlan plan = BranchSwitch.Plan(scope, prepared, branch, keptMemory: null, change.Runs) with { Power = Power(target, request, memory), Memory = memory };
            if (memory is not null && request.Force)
                plan = plan with { Definition = RestoreMemory.Definition(target, plan.Definition) };
            await change.RunAsync(journal, plan, cancellation);
        }
        catch
        {
            await change.UndoAsync(journal, made, since);
            throw;
        }

        return Result(context.Catalogue.Load(scope.Place), scope.State, target, request, left) with
        {
            Memory = memory is not null,
            Discarded = Names((moments, branches)),
            State = (await MachineProbe.RunAsync(scope.Place, scope.Domain, cancellation)).State,
        };
    }

    // Without a new branch the active one goes back: the tips that it had get a name of nobody, under which they can be brought back.
    private static DomainMoments Prepared(
        ChangeScope scope, RestoreTarget target, RestoreSnapshotRequest request, IReadOnlyList<MomentKey> moments, IReadOnlyList<string> branches)
    {
        DomainMoments state = scope.State;
        if (request.Branch is { } name)
            return state.With(new Branch(name) { Start = target.Key, Created = DateTimeOffset.UtcNow });
        string active = state.ActiveBranch, hidden = KeepAside.HiddenName(scope.Id);
        KeptAside kept = KeepAside.Of(scope.Id, Command, request.UndoFor, hidden, active, scope.Store.FilesOf(state, moments));
        DomainMoments next = moments.Count > 0 ? state.Forget(moments, kept) : state;
        foreach (string branch in branches)
            next = next.WithoutBranch(branch);
        foreach (string disk in target.Covered.Where(disk => next.Disk(disk).Tips.ContainsKey(active)))
            next = next.With(next.Disk(disk).RenameTip(active, hidden));
        next = next.With((state.Branches.GetValueOrDefault(active) ?? new Branch(active)) with { Name = hidden, Created = DateTimeOffset.UtcNow })
            .With((next.Branches.GetValueOrDefault(active) ?? new Branch(active)) with { Current = null });
        return KeepAside.Add(next, kept);
    }

    private static void Check(string vm, RestoreSnapshotRequest request)
    {
        if (request is { Running: true, Paused: true })
            throw RestoreErrors.Options(vm, request.Name, "-Running and -Paused contradict each other", "Leave one of them out.");
        if (request is { KeepCurrent: null } and ({ KeepMemory: true } or { MemoryPath: not null } or { Live: true } or { Quiesce: true }))
            throw RestoreErrors.Options(vm, request.Name, "-Memory, -MemoryPath, -Live and -Quiesce are about the snapshot of what is left, and none is to be taken", "Add -KeepCurrent NAME, or leave them out; the snapshot's own memory is loaded where it has one.");
        if (request is { KeepMemory: false } and ({ MemoryPath: not null } or { Live: true }))
            throw RestoreErrors.Options(vm, request.Name, "-MemoryPath and -Live are about a memory that is not saved", "Add -Memory, or leave them out.");
    }

    private static MachinePower Power(RestoreTarget target, RestoreSnapshotRequest request, IncomingMemory? memory) =>
        request.Running ? MachinePower.Running
        : request.Paused ? MachinePower.Paused
        : memory is not null ? (target.Document.MomentState() == SnapshotState.Paused ? MachinePower.Paused : MachinePower.Running)
        : target.Document.MomentState() == SnapshotState.Shutoff ? MachinePower.Stopped
        : MachinePower.AsBefore;

    private static VMSnapshotRestore Result(DomainDocument domain, DomainMoments state, RestoreTarget target, RestoreSnapshotRequest request, string left) => new()
    {
        VM = domain.Name,
        Snapshot = target.Key.Name,
        Branch = request.Branch ?? state.ActiveBranch,
        LeftBranch = request.Branch is null ? null : left,
        UndoId = request.Branch is null ? state.Kept.LastOrDefault(kept => kept.Operation == Command && kept.Until > DateTimeOffset.UtcNow)?.Id : null,
        Memory = target.MemoryFile is not null,
        Disks = [.. Disks(domain, target)],
    };

    private static IEnumerable<VMSnapshotRestoreDisk> Disks(DomainDocument domain, RestoreTarget target) =>
        domain.Disks.Where(disk => disk.SourcePath is not null).Select(disk => new VMSnapshotRestoreDisk { Name = disk.Target, Restored = target.Covered.Contains(disk.Target, StringComparer.Ordinal), Path = disk.SourcePath });

    private static IReadOnlyList<string> Names((IReadOnlyList<MomentKey> Moments, IReadOnlyList<string> Branches) lost) =>
        [.. lost.Moments.Select(key => $"snapshot '{key.Name}'"), .. lost.Branches.Select(name => $"branch '{name}'")];
}
