using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>Takes back a checkpoint that was not decided: what it recorded goes back into the bitmap before it.</summary>
internal static class CheckpointUndo
{
    /// <summary>Undoes what the failed operation did.</summary>
    public static Task AfterFailureAsync(
        ChangeScope scope, IReadOnlyList<CheckpointStep> steps, Journal journal, IOperationReport report,
        Func<DomainPlace, DomainDocument, IReadOnlyList<CheckpointStep>, string, CancellationToken, Task> undo) => WayBack.TryAsync(scope.Place.Name, report, async () =>
    {
        await undo(scope.Place, scope.Domain, steps, scope.Id, CancellationToken.None);
        journal.End();
    });

    public static async Task RunAsync(DomainPlace place, DomainDocument domain, IReadOnlyList<CheckpointStep> steps, string operationId, CancellationToken cancellation)
    {
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, [.. steps.Select(step => step.Disk)], BlockAccess.Change, cancellation);
        await RunAsync(session, steps, operationId, cancellation);
        await session.CloseAsync(cancellation);
    }

    public static async Task RunAsync(BlockSession session, IReadOnlyList<CheckpointStep> steps, string operationId, CancellationToken cancellation)
    {
        await Leftovers.RemoveAsync(session, operationId, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.BitmapsAsync(session, cancellation);
        string increment = BackupCreation.IncrementBitmap(operationId);
        TransactionAction[] actions =
        [
            .. steps.SelectMany(step => step.UndoActions(session.Disks[step.Disk].NodeName, seen[step.Disk])),
            .. session.Disks.Values.Where(disk => seen[disk.Name].Bitmaps.ContainsKey(increment)).Select(disk => TransactionAction.BitmapRemove(disk.NodeName, increment)),
        ];
        if (actions.Length > 0)
            await session.Qmp.TransactionAsync(actions, cancellation);
    }
}
