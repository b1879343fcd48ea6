using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Foreign;

/// <summary>
/// Bitmaps of another program become the records of moments: each knows what was written since its moment, so it closes at one instant in
/// which ours opens, and all of them hang from there. Steps: intent; one transaction over all disks; flush and read what closed; sidecars;
/// metadata. Until the metadata is decided, a failure or a crash lets them record on as if nothing had been.
/// </summary>
internal static class Adoption
{
    public const string Operation = "bitmap-adopt";

    /// <summary>Adopts within a change that is under way, and decides it.</summary>
    /// <param name="scope">The domain, held.</param>
    /// <param name="moments">The domain's moments, with those that adopt.</param>
    /// <param name="bitmaps">Bitmaps that record, and whose moments' names are free on their disks.</param>
    /// <param name="report">Told what is not known.</param>
    /// <param name="cancellation">Cancels and undoes.</param>
    public static async Task RunAsync(ChangeScope scope, DomainMoments moments, IReadOnlyList<AdoptedBitmap> bitmaps, IOperationReport report, CancellationToken cancellation)
    {
        string[] disks = [.. bitmaps.Select(bitmap => bitmap.Disk).Distinct(StringComparer.Ordinal)];
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, disks, BlockAccess.Change, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = await LayerAcceptance.SettleAsync(scope.State, session.Disks.Values, await SessionView.AtOpeningAsync(session, scope.State, cancellation), cancellation);
        foreach (AdoptedBitmap bitmap in bitmaps)
            ForeignBitmaps.RequireAdoptable(scope.Place.Name, scope.State.Disk(bitmap.Disk), bitmap, seen[bitmap.Disk]);
        Dictionary<string, IReadOnlyList<SeenLayer>> chains = new(StringComparer.Ordinal);
        Dictionary<string, IReadOnlyDictionary<string, FrozenRecord>> frozen = new(StringComparer.Ordinal);
        foreach (SessionDisk disk in session.Disks.Values)
        {
            chains[disk.Name] = seen[disk.Name].Chain!.Layers;
            frozen[disk.Name] = await FrozenRecord.ReadAsync(chains[disk.Name], [.. bitmaps.Where(bitmap => bitmap.Disk == disk.Name).Select(bitmap => bitmap.Bitmap)], cancellation);
        }

        AdoptionPlan plan = AdoptionPlan.Make(moments, bitmaps, scope.Id, session.Disks, seen, chains, frozen);
        foreach (string doubt in plan.Doubts)
            report.Warning($"'{scope.Place.Name}': {doubt}.");
        using Journal journal = scope.Begin(Operation, new JsonObject { ["steps"] = new JsonArray([.. plan.Steps.Select(step => (JsonNode)step.ToJson())]) }, plan.Next);
        try
        {
            await TakeAsync(scope, session, plan, seen, journal, cancellation);
        }
        catch (Exception)
        {
            await session.DisposeAsync();
            await AdoptionUndo.AfterFailureAsync(scope, plan.Steps, journal, report);
            throw;
        }

        scope.Commit(journal, plan.Next);
    }

    private static async Task TakeAsync(
        ChangeScope scope, BlockSession session, AdoptionPlan plan, IReadOnlyDictionary<string, ObservedLayer> seen, Journal journal, CancellationToken cancellation)
    {
        await using (FullMarks marks = await FullMarks.MakeAsync(session, [.. plan.Steps.Select(step => step.Own)], scope.Id, cancellation))
        {
            journal.Pass("transaction");
            await session.Qmp.TransactionAsync(plan.Steps.SelectMany(step => step.Actions(marks.Actions(step.Own))), CancellationToken.None);
        }

        journal.Pass("capture");
        await LayerAcceptance.VerifyAsync(scope.State, session.Disks.Values, seen, cancellation);
        IReadOnlyDictionary<string, Dictionary<string, Segment>> read = await CaptureAsync(scope, session, plan, seen, cancellation);
        journal.Pass("remove copies");
        await session.Qmp.TransactionAsync(plan.Steps.SelectMany(step => step.Adopted.Select(adoptee => adoptee.Copy).Append(step.Own.Copy).OfType<string>()
            .Select(copy => TransactionAction.BitmapRemove(step.Own.Node, copy))), CancellationToken.None);
        journal.Pass("sidecars");
        foreach ((string id, Dictionary<string, Segment> segments) in read.Concat(plan.Frozen))
            scope.Store.Segments.Write(id, segments);
        journal.Pass("close");
        await session.CloseAsync(cancellation);
    }

    // Every disk is flushed at its first copy; what the guest had written must not vanish behind moments that were reported.
    private static async Task<IReadOnlyDictionary<string, Dictionary<string, Segment>>> CaptureAsync(
        ChangeScope scope, BlockSession session, AdoptionPlan plan, IReadOnlyDictionary<string, ObservedLayer> seen, CancellationToken cancellation)
    {
        Dictionary<string, Dictionary<string, Segment>> files = new(StringComparer.Ordinal);
        await using SessionExports exports = session.OpenExports(cancellation);
        foreach (AdoptionStep step in plan.Steps)
        {
            IEnumerable<(string Id, string Copy)> copies = step.Adopted.Select(adoptee => (adoptee.SidecarId, adoptee.Copy));
            foreach ((string id, string copy) in step.Own.Copy is { } own ? copies.Append((scope.Id, own)) : copies)
            {
                Segment? segment = await SegmentCapture.ReadAsync(exports, step.Own.Node, copy, seen[step.Disk].Size, cancellation);
                if (!files.TryGetValue(id, out Dictionary<string, Segment>? sections))
                    files.Add(id, sections = new Dictionary<string, Segment>(StringComparer.Ordinal));
                sections.Add(step.Disk, segment!);
            }
        }

        return files;
    }
}
