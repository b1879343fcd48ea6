using MomentTools.Moments;
using MomentTools.Operations.Layers;
using MomentTools.Operations.Snapshots;

namespace MomentTools.Operations.Undo;

/// <summary>
/// Undo-VMSnapshot: the record is taken back. Where only names and moments come back, metadata alone changes; where the machine was taken
/// elsewhere, it goes to the tip that was left as to any other branch, and what it leaves is kept aside in its turn.
/// </summary>
internal sealed class UndoOperation(EngineContext context)
{
    public const string Operation = "snapshot-undo";

    public string Plan(string vm, UndoSnapshotRequest request, IOperationReport report) =>
        UndoPlan.Make(vm, new MomentStore(context.Catalogue.Place(vm).StateDirectory).Load(report.Failure), request.Id, MomentIds.New(), DateTimeOffset.UtcNow).Text;

    public async Task RunAsync(string vm, UndoSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, UndoPlan.Command, report, cancellation);
        UndoPlan plan = UndoPlan.Make(vm, scope.State, request.Id, scope.Id, DateTimeOffset.UtcNow);
        if (plan.Target is { } target)
        {
            await BranchSwitch.RunAsync(scope, $"undo {plan.Kept.Operation} on '{vm}'", plan.Next, target, new SwitchOptions { AcceptOwner = request.AcceptOwner }, report, cancellation);
        }
        else
        {
            using Journal journal = scope.Begin(Operation, [], plan.Next);
            scope.Commit(journal, plan.Next);
        }

        await Collector.RunAsync(scope, new CollectorLimits { Merge = true }, report, cancellation);
    }
}
