using MomentTools.Operations.Branches;

namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>The branches of a machine, the oldest first.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="names">Names and wildcard patterns; empty for all. A plain name that means none is told (BranchNotFound).</param>
    /// <param name="report">Where is told what cannot be read.</param>
    /// <param name="cancellation">Stops the work.</param>
    public Task<IReadOnlyList<VMBranch>> GetBranchesAsync(string vm, IReadOnlyList<string> names, IOperationReport report, CancellationToken cancellation) =>
        Task.FromResult(new BranchListing(_context).Run(vm, names, report, cancellation));

    /// <summary>Makes a branch that begins at a snapshot, and stays where the machine is.</summary>
    public Task<VMBranch> CreateBranchAsync(string vm, CreateBranchRequest request, IOperationReport report, CancellationToken cancellation) =>
        new BranchCreation(_context).RunAsync(vm, request, report, cancellation);

    /// <summary>Gives a branch another name, also the one that the machine is on.</summary>
    public Task<VMBranch> RenameBranchAsync(string vm, string name, string newName, IOperationReport report, CancellationToken cancellation) =>
        new BranchRename(_context).RunAsync(vm, name, newName, report, cancellation);

    /// <summary>What the removal of a branch would take away; nothing is changed.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="before">Branches that would be removed before it, in the same way; empty for none.</param>
    /// <param name="report">Where is told what cannot be read.</param>
    /// <param name="cancellation">Stops the work.</param>
    public Task<VMBranchRemoval> PlanBranchRemovalAsync(string vm, RemoveBranchRequest request, IReadOnlyList<string> before, IOperationReport report, CancellationToken cancellation) =>
        Task.FromResult(new BranchRemoval(_context).Plan(vm, request, before, report, cancellation));

    /// <summary>Removes a branch that the machine is not on. It is kept aside for a while, and Undo-VMSnapshot brings it back.</summary>
    public Task<VMBranchRemoval> RemoveBranchAsync(string vm, RemoveBranchRequest request, IOperationReport report, CancellationToken cancellation) =>
        new BranchRemoval(_context).RunAsync(vm, request, report, cancellation);

    /// <summary>Goes to another branch, with all that was changed there; the one that is left stays as it is.</summary>
    public Task<VMBranch> SwitchBranchAsync(string vm, SwitchBranchRequest request, IOperationReport report, CancellationToken cancellation) =>
        new BranchSwitching(_context).RunAsync(vm, request, report, cancellation);
}
