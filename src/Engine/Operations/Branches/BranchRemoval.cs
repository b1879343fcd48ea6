using MomentTools.Machines;
using MomentTools.Moments;
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

    private static readonly TimeSpan UsualTime = TimeSpan.FromHours(1);

    /// <summary>What would go; refused as the removal itself would be, but for snapshots that need -Discard.</summary>
    public VMBranchRemoval Plan(string vm, string name, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure).Of(domain.Disks.Select(disk => disk.Target));
        cancellation.ThrowIfCancellationRequested();
        return Describe(vm, name, BranchReach.Of(state, Elsewhere(state, vm, name)));
    }

    public async Task<VMBranchRemoval> RunAsync(string vm, RemoveBranchRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, Cmdlet, report, cancellation);
        Branch branch = Elsewhere(scope.State, vm, request.Name);
        BranchReach reach = BranchReach.Of(scope.State, branch);
        if (reach.Snapshots.Count > 0 && !request.Discard)
            throw BranchErrors.HoldsSnapshots(vm, branch.Name, [.. reach.Snapshots.Select(key => key.Name)]);
        VMBranchRemoval removal = Describe(vm, branch.Name, reach);
        DomainMoments next = Without(scope, branch, reach, request.UndoFor ?? UsualTime);
        using (Journal journal = scope.Begin(Operation, [], next))
            scope.Commit(journal, next);
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

    private static DomainMoments Without(ChangeScope scope, Branch branch, BranchReach reach, TimeSpan keepFor)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        string hidden = Branch.HiddenPrefix + scope.Id;
        var kept = new KeptAside(scope.Id, Cmdlet, now, now + keepFor, hidden, branch.Name, scope.Store.FilesOf(scope.State, reach.Snapshots));
        // Only the last can be brought back: what was kept before has had its time.
        DomainMoments next = scope.State.Kept.Where(older => older.Until > now).Aggregate(scope.State, (state, older) => state.With(older with { Until = now }));
        return next.RenameBranch(branch.Name, hidden).Forget(reach.Snapshots, kept);
    }

    private static VMBranchRemoval Describe(string vm, string name, BranchReach reach) => new()
    {
        VM = vm,
        Name = name,
        Files = reach.Files,
        Bytes = reach.Bytes,
        Snapshots = [.. reach.Snapshots.Select(key => key.Name)],
        Checkpoints = [.. reach.Checkpoints.Select(key => key.Name)],
    };
}
