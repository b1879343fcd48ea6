using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations.Snapshots;

/// <summary>A switch to a branch whose tips lie inside the images that the machine works on: <see cref="InternalRestore"/>, with what else is to change.</summary>
internal static class InsideSwitch
{
    public static Task RunAsync(
        ChangeScope scope, DomainMoments prepared, string target, SwitchOptions options, IOperationReport report, CancellationToken cancellation) =>
        new InternalRestore(new DomainCatalogue(scope.Place.StateRoot, ""), scope, report).SwitchAsync(
            prepared, target, new InternalRestoreOptions { KeepMemory = options.KeepMemory, Goal = options.Running ? VMState.Running : options.Paused ? VMState.Paused : null }, cancellation);
}
