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

        string doing = $"go to branch '{target.Name}' of '{vm}'";
        if (InternalRestore.IsHere(scope.State, target.Name))
            await InsideAsync(scope, target.Name, request, report, cancellation);
        else
            await BranchSwitch.RunAsync(scope, doing, scope.State, target.Name, OptionsOf(request), report, cancellation);
        await Collection.TryAsync(scope, merge: true, report, cancellation);
        VMBranch there = new BranchResults(scope.Domain, scope.State).Of(scope.State.Branches[target.Name]);
        foreach (VMBranchDisk stayed in there.Disks.Where(disk => disk.Branch is { } other && other != target.Name))
            report.Verbose($"Disk '{stayed.Name}' of '{vm}' stays on branch '{stayed.Branch}': the snapshot that '{target.Name}' began at does not cover it.");
        return there;
    }

    private static SwitchOptions OptionsOf(SwitchBranchRequest request) => new()
    {
        KeepMemory = request.KeepMemory,
        MemoryPath = request.MemoryPath,
        Running = request.Running,
        Paused = request.Paused,
        AcceptOwner = request.AcceptOwner,
    };

    // Both tips lie inside the same images: the one is saved there, the other one loaded.
    private async Task InsideAsync(ChangeScope scope, string branch, SwitchBranchRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (request.MemoryPath is not null)
            throw new MomentException(
                BranchErrors.BranchStateContradicts, $"Cannot go to branch '{branch}' of '{scope.Place.Name}': the branch that is left stays inside its images, and its memory with it; -MemoryPath has no use there.", branch, "Leave it out.");
        var options = new InternalRestoreOptions
        {
            KeepMemory = request.KeepMemory,
            Goal = request.Running ? VMState.Running : request.Paused ? VMState.Paused : null,
            Cmdlet = Cmdlet,
        };
        await new InternalRestore(context.Catalogue, scope, report).SwitchAsync(branch, options, cancellation);
    }

    private static void Check(string vm, SwitchBranchRequest request)
    {
        if (request is { Running: true, Paused: true })
            throw new MomentException(BranchErrors.BranchStateContradicts, $"Cannot go to branch '{request.Name}' of '{vm}': -Running and -Paused contradict each other.", request.Name, "Leave one of them out.");
        if (request is { MemoryPath: not null, KeepMemory: false })
            throw new MomentException(BranchErrors.BranchStateContradicts, $"Cannot go to branch '{request.Name}' of '{vm}': -MemoryPath says where memory goes that is not kept.", request.Name, "Add -KeepMemory, or leave -MemoryPath out.");
    }
}
