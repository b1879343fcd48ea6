using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Foreign;

/// <summary>Takes back an adoption that was not decided: the bitmaps record again, as if nothing had been.</summary>
internal static class AdoptionUndo
{
    public static Task AfterFailureAsync(ChangeScope scope, IReadOnlyList<AdoptionStep> steps, Journal journal, IOperationReport report) => WayBack.TryAsync(scope.Place.Name, report, async () =>
    {
        await RunAsync(scope.Place, scope.Domain, steps, scope.Id, CancellationToken.None);
        journal.End();
    });

    public static Task RunAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation) =>
        RunAsync(place, domain, [.. entry.Intent["steps"]!.AsArray().Select(step => AdoptionStep.FromJson(step!.AsObject()))], entry.Id, cancellation);

    private static async Task RunAsync(DomainPlace place, DomainDocument domain, IReadOnlyList<AdoptionStep> steps, string operationId, CancellationToken cancellation)
    {
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, [.. steps.Select(step => step.Disk)], BlockAccess.Change, cancellation);
        await Leftovers.RemoveAsync(session, operationId, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.BitmapsAsync(session, cancellation);
        TransactionAction[] actions = [.. steps.SelectMany(step => step.UndoActions(session.Disks[step.Disk].NodeName, seen[step.Disk]))];
        if (actions.Length > 0)
            await session.Qmp.TransactionAsync(actions, cancellation);
        await session.CloseAsync(cancellation);
    }
}
