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
    public VMBranchRemoval Plan(string vm, string name, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure).Of(domain.Disks.Select(disk => disk.Target));
        cancellation.ThrowIfCancellationRequested();
        return Describe(vm, state, Elsewhere(state, vm, name));
    }

    public async Task<VMBranchRemoval> RunAsync(string vm, RemoveBranchRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, Cmdlet, report, cancellation);
        Branch branch = Elsewhere(scope.State, vm, request.Name);
        VMBranchRemoval removal = Describe(vm, scope.State, branch);
        if (removal.Snapshots.Count > 0 && !request.Discard)
            throw BranchErrors.HoldsSnapshots(vm, branch.Name, removal.Snapshots);
        DomainMoments next = Without(scope, branch, request);
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

    private static DomainMoments Without(ChangeScope scope, Branch branch, RemoveBranchRequest request)
    {
        IReadOnlyList<MomentKey> snapshots = BranchReach.Of(scope.State, branch).Snapshots;
        string hidden = KeepAside.HiddenName(scope.Id);
        KeptAside kept = KeepAside.Of(scope.Id, Cmdlet, request.UndoFor, hidden, branch.Name, scope.Store.FilesOf(scope.State, snapshots));
        return KeepAside.EndOlder(scope.State, kept, request.KeepSince).RenameBranch(branch.Name, hidden).Forget(snapshots, kept);
    }

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
