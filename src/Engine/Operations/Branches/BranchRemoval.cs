using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Undo;
using MomentTools.Xml;

namespace MomentTools.Operations.Branches;

/// <summary>
/// Remove-VMBranch: the branch gets a hidden name, and the snapshots that only it led to are forgotten; nothing is unlinked. What nobody needs
/// any more once the time to undo is over is collected.
/// </summary>
internal sealed class BranchRemoval(EngineContext context)
{
    public const string Operation = "branch-remove";
    private const string Cmdlet = "Remove-VMBranch";

    /// <summary>What would go; refused as the removal itself would be, but for snapshots that need -Discard.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="before">Branches that would go before it in the same way: a snapshot that they share with it goes with the last of them.</param>
    /// <param name="report">Where is told what cannot be read.</param>
    /// <param name="cancellation">Stops between two branches.</param>
    public VMBranchRemoval Plan(string vm, RemoveBranchRequest request, IReadOnlyList<string> before, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        var store = new MomentStore(place.StateDirectory);
        DomainMoments state = store.Load(report.Failure).Of(domain.Disks.Select(disk => disk.Target));
        for (int index = 0; index < before.Count; index++)
        {
            cancellation.ThrowIfCancellationRequested();
            state = Collected(Without(state, store, $"plan-{index}", Elsewhere(state, vm, before[index]), request));
        }

        return Describe(vm, state, Elsewhere(state, vm, request.Name));
    }

    public async Task<VMBranchRemoval> RunAsync(string vm, RemoveBranchRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, Cmdlet, report, cancellation);
        Branch branch = Elsewhere(scope.State, vm, request.Name);
        VMBranchRemoval removal = Describe(vm, scope.State, branch);
        if (removal.Snapshots.Count > 0 && !request.Discard)
            throw BranchErrors.HoldsSnapshots(vm, branch.Name, removal.Snapshots);
        DomainMoments next = Without(scope.State, scope.Store, scope.Id, branch, request);
        using (Journal journal = scope.Begin(Operation, [], next))
            scope.Commit(journal, next);
        await Collection.TryAsync(scope, merge: true, report, cancellation);
        return removal;
    }

    // Refused: the branch that the machine is on, with all its disks or with one.
    private static Branch Elsewhere(DomainMoments state, string vm, string name)
    {
        Branch branch = BranchNames.Require(state, vm, name);
        if (state.ActiveBranch == name)
            throw BranchErrors.Active(vm, name);
        return state.Disks.Values.FirstOrDefault(disk => disk.ActiveBranch == name && disk.ActiveTip is not null) is { } stayed
            ? throw BranchErrors.ActiveOnDisk(vm, name, stayed.Disk)
            : branch;
    }

    private static DomainMoments Without(DomainMoments state, MomentStore store, string id, Branch branch, RemoveBranchRequest request)
    {
        IReadOnlyList<MomentKey> snapshots = BranchReach.Of(state, branch).Snapshots;
        string hidden = KeepAside.HiddenName(id);
        KeptAside kept = KeepAside.Of(id, Cmdlet, request.UndoFor, hidden, branch.Name, store.FilesOf(state, snapshots));
        return KeepAside.EndOlder(state, kept, request.KeepSince).RenameBranch(branch.Name, hidden).Forget(snapshots, kept);
    }

    // The moments once the collection after a removal has let go what is not kept any more.
    private static DomainMoments Collected(DomainMoments state) => KeepAside.Expired(state, DateTimeOffset.UtcNow).Aggregate(state, KeepAside.LetGo);

    // What would become free if it were let go at once.
    private static VMBranchRemoval Describe(string vm, DomainMoments state, Branch branch)
    {
        BranchReach reach = BranchReach.Of(state, branch);
        string hidden = KeepAside.HiddenName("plan");
        KeptAside kept = KeepAside.Of("plan", Cmdlet, TimeSpan.Zero, hidden, branch.Name);
        IReadOnlyList<string> files = KeptListing.Files(state.RenameBranch(branch.Name, hidden).Forget(reach.Snapshots, kept), kept);
        return new VMBranchRemoval
        {
            VM = vm,
            Name = branch.Name,
            Files = files,
            Bytes = files.Sum(path => FileStamp.Of(path)?.Length ?? 0),
            Snapshots = [.. reach.Snapshots.Select(key => key.Name)],
            Checkpoints = [.. reach.Checkpoints.Select(key => key.Name)],
        };
    }
}
