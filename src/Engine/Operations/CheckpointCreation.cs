using System.Globalization;
using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// New-VMCheckpoint: on all disks at one instant, on a running or a stopped machine. Steps: intent into the journal; one transaction
/// (open, close, private copies, marks); flush and read what closed; sidecar; metadata. Until the metadata is decided, a failure or a
/// crash undoes all of it.
/// </summary>
internal sealed class CheckpointCreation(EngineContext context)
{
    public const string Operation = "checkpoint-create";

    public async Task<VMCheckpoint> RunAsync(string vm, CreateCheckpointRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "New-VMCheckpoint", report, cancellation);
        StoredMoment moment = Describe(scope, request);
        string[] disks = [.. Tracked(moment)];
        await BitmapCapability.RequireAsync(scope.Domain, disks, cancellation);
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, disks, BlockAccess.Change, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = SessionView.AtOpening(session);
        CheckpointPlan plan = CheckpointPlan.Make(scope.State, moment, scope.Id, scope.Id, session.Disks.Values, seen);
        foreach ((string disk, string doubt) in plan.Doubts)
            report.Warning($"Disk '{disk}' of '{vm}': what changed between '{scope.State.Disk(disk).Current?.Name}' and now is lost, because {doubt}. From '{moment.Key.Name}' on it is recorded again.");

        using Journal journal = scope.Begin(Operation, new JsonObject { ["name"] = moment.Key.Name, ["steps"] = Json(plan.Steps) }, plan.Next);
        try
        {
            await TakeAsync(scope, session, plan, seen, journal, cancellation);
        }
        catch (Exception)
        {
            await session.DisposeAsync();
            await CheckpointUndo.AfterFailureAsync(scope, plan.Steps, journal, report, CheckpointUndo.RunAsync);
            throw;
        }

        scope.Commit(journal, plan.Next);
        return Result(scope, moment.Key, plan, seen);
    }

    /// <summary>The moment that a request describes, with every rule checked that needs no machine.</summary>
    public static StoredMoment Describe(ChangeScope scope, CreateCheckpointRequest request, string? repository = null)
    {
        // To the tick as the store writes it, so that what was made and what is read later are equal.
        DateTimeOffset now = DateTimeOffset.UtcNow;
        CheckpointDocument document = request.Xml is { } xml
            ? CheckpointDocument.Parse(xml, "the XML given", XmlOrigin.User)
            : new CheckpointDocument
            {
                Description = request.Description,
                Disks = [.. request.Disks.Select(disk => new CheckpointDisk(disk, CheckpointMode.Bitmap, null))],
                DisksGiven = request.Disks.Count > 0,
            };
        string name = request.Name ?? document.Name ?? now.ToString("'cp-'yyyyMMdd'-'HHmmss'-'fff", CultureInfo.InvariantCulture);
        MomentNames.CheckCheckpoint(name);
        scope.RequireFree(name);
        document = CheckpointAlignment.Align(document with { Name = name }, scope.Domain, request.TrackableOnly);
        MomentKey? parent = scope.State.Tree(out _).NewestCurrent(document.Disks.Where(disk => disk.Mode == CheckpointMode.Bitmap).Select(disk => disk.Name))?.Key;
        document = document with { ParentName = parent?.Name, CreationTime = now.ToUnixTimeSeconds(), Domain = scope.Domain };
        return new StoredMoment(new MomentKey(MomentKind.Checkpoint, name), scope.Id, document, parent, now, repository);
    }

    /// <summary>The disks that a checkpoint covers.</summary>
    public static IEnumerable<string> Tracked(StoredMoment moment) =>
        ((CheckpointDocument)moment.Document).Disks.Where(disk => disk.Mode == CheckpointMode.Bitmap).Select(disk => disk.Name);

    public static JsonArray Json(IEnumerable<CheckpointStep> steps) => new([.. steps.Select(step => (JsonNode)step.ToJson())]);

    // What the machine has now follows from what it had and what was done: it is not asked again.
    private static VMCheckpoint Result(ChangeScope scope, MomentKey key, CheckpointPlan plan, IReadOnlyDictionary<string, ObservedLayer> seen)
    {
        MomentTree tree = scope.State.Tree(out _);
        var after = plan.Steps.ToDictionary(step => step.Disk, step => step.After(seen[step.Disk]), StringComparer.Ordinal);
        return new MomentResults(scope.Place.Name, scope.State, tree, after).Of(tree.Find(key)!);
    }

    private static async Task TakeAsync(
        ChangeScope scope, BlockSession session, CheckpointPlan plan, IReadOnlyDictionary<string, ObservedLayer> seen, Journal journal, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, Segment> segments;
        await using (SessionExports exports = await session.OpenExportsAsync(cancellation))
        {
            journal.Pass("transaction");
            await session.Qmp.TransactionAsync(plan.Steps.SelectMany(step => step.Actions()), cancellation);
            journal.Pass("capture");
            segments = await SegmentCapture.RunAsync(exports, plan.Steps, seen, cancellation);
        }

        journal.Pass("remove copies");
        TransactionAction[] copies = [.. plan.Steps.Where(step => step.Copy is not null).Select(step => TransactionAction.BitmapRemove(step.Node, step.Copy!))];
        if (copies.Length > 0)
            await session.Qmp.TransactionAsync(copies, cancellation);
        journal.Pass("sidecar");
        if (segments.Count > 0)
            scope.Store.Segments.Write(scope.Id, segments);
        journal.Pass("close");
        await session.CloseAsync(cancellation);
    }
}
