using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations.Snapshots;

namespace MomentTools.Operations.Branches;

/// <summary>Switch-VMBranch: back to the tip of a branch that was left, with the changes made after its last snapshot.</summary>
internal sealed class BranchSwitching(EngineContext context)
{
    private const string Cmdlet = "Switch-VMBranch";

    public async Task<VMBranch> RunAsync(string vm, SwitchBranchRequest request, IOperationReport report, CancellationToken cancellation)
    {
        Check(vm, request);
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, Cmdlet, report, cancellation);
        Branch target = BranchNames.Require(scope.State, vm, request.Name);
        if (scope.State.ActiveBranch == target.Name)
        {
            report.Verbose($"'{vm}' is on branch '{target.Name}' already.");
            return new BranchResults(scope.Domain, scope.State).Of(target);
        }

        var options = new SwitchOptions
        {
            KeepMemory = request.KeepMemory,
            MemoryPath = request.MemoryPath,
            Running = request.Running,
            Paused = request.Paused,
            AcceptOwner = request.AcceptOwner,
        };
        await BranchSwitch.RunAsync(scope, $"go to branch '{target.Name}' of '{vm}'", scope.State, target.Name, options, report, cancellation);
        return new BranchResults(scope.Domain, scope.State).Of(scope.State.Branches[target.Name]);
    }

    private static void Check(string vm, SwitchBranchRequest request)
    {
        if (request is { Running: true, Paused: true })
            throw new MomentException(BranchErrors.BranchStateContradicts, $"Cannot go to branch '{request.Name}' of '{vm}': -Running and -Paused contradict each other.", request.Name, "Leave one of them out.");
        if (request is { MemoryPath: not null, KeepMemory: false })
            throw new MomentException(BranchErrors.BranchStateContradicts, $"Cannot go to branch '{request.Name}' of '{vm}': -MemoryPath says where memory goes that is not kept.", request.Name, "Add -KeepMemory, or leave -MemoryPath out.");
    }
}
