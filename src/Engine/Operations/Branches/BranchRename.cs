using MomentTools.Moments;

namespace MomentTools.Operations.Branches;

/// <summary>Rename-VMBranch: metadata alone, written as one. The images keep their names, and the machine may run on them.</summary>
internal sealed class BranchRename(EngineContext context)
{
    public const string Operation = "branch-rename";

    public async Task<VMBranch> RunAsync(string vm, string name, string newName, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Rename-VMBranch", report, cancellation);
        Branch branch = BranchNames.Require(scope.State, vm, name);
        if (name != newName)
        {
            BranchNames.RequireFree(scope.State, scope.Place, newName, $"rename branch '{name}' of '{vm}'");
            DomainMoments next = Renamed(scope.State, branch, newName);
            using Journal journal = scope.Begin(Operation, [], next);
            scope.Commit(journal, next);
        }

        return new BranchResults(scope.Domain, scope.State).Of(scope.State.Branches[newName]);
    }

    /// <summary>The same domain with a branch under another name, also for what is kept aside of it.</summary>
    public static DomainMoments Renamed(DomainMoments state, Branch branch, string newName)
    {
        DomainMoments next = state.RenameBranch(branch.Name, newName);
        foreach (KeptAside kept in state.Kept.Where(kept => kept.BranchName == branch.Name))
            next = next.With(kept with { BranchName = newName });
        return next;
    }
}
