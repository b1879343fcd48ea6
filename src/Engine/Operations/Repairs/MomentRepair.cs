using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Operations.Health;
using MomentTools.Operations.Undo;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Repairs;

/// <summary>
/// Repair-VMMoment. Steps: look again under the lock and plan; intent, with all of the change; broken files aside; flags of bitmaps that
/// can be salvaged; saved copies; one transaction over all disks; flush; metadata. After a crash the bitmaps tell whether the transaction
/// happened: then it is finished, else forgotten. No step touches what the guest sees.
/// </summary>
internal sealed class MomentRepair(EngineContext context)
{
    public const string Operation = "moment-repair";

    private const string KeepOneTip = "The entry whose mark is in the image stays; the others are taken out.";

    /// <summary>What a repair would do; nothing is changed.</summary>
    public async Task<IReadOnlyList<VMMomentRepair>> PlanAsync(string vm, RepairMomentRequest request, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        IReadOnlyList<VMMomentFinding> findings = Chosen(await new HealthCheck(context).RunAsync(vm, request.Disks, report, cancellation), request);
        (List<VMMomentRepair> before, List<VMMomentFinding> others) = Separate(findings);
        if (others.Count == 0)
            return before;
        var store = new MomentStore(place.StateDirectory);
        if (others.Any(finding => finding.Id == FindingIds.TrackingInvalid))
            return [.. before, .. others.Select(Left)];
        DomainMoments state = store.Load(_ => { });
        await using Eyes eyes = await Eyes.OpenAsync(place, domain, store, others, BlockAccess.Read, cancellation);
        RepairPlan plan = await RepairPlan.MakeAsync(domain, store, state, others, request.RemoveForeign, MomentIds.New(), (next, disk) => eyes.LookAsync(next, disk, cancellation), eyes.Stored, cancellation);
        return [.. before, .. plan.Repairs];
    }

    /// <summary>Repairs, and says what was done about each finding.</summary>
    public async Task<IReadOnlyList<VMMomentRepair>> RunAsync(string vm, RepairMomentRequest request, IOperationReport report, CancellationToken cancellation)
    {
        List<VMMomentRepair> done = await SetJournalsAsideAsync(vm, cancellation);
        // Without the files that say what is recorded where, nothing can be loaded, and so nothing repaired.
        if (!CanLoad(context.Catalogue.Place(vm)))
            return [.. done, .. await PlanAsync(vm, request, report, cancellation)];
        await KeepOneTipAsync(vm, request, done, cancellation);
        var quiet = new QuietReport(report);
        string directory = context.Catalogue.Place(vm).StateDirectory;
        bool pending = Journal.Pending(directory).Count > 0 || UseNote.Find(directory) is { IsAlive: false };
        IReadOnlyList<VMMomentFinding> ended = Chosen(await ServingRepair.EndedAsync(context.Catalogue, vm, cancellation), request);
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Repair-VMMoment", recover: true, quiet, cancellation, anyway: true);
        if (pending)
            done.AddRange(request.Findings.Where(finding => finding.Id == FindingIds.OperationPending).Select(finding => new VMMomentRepair { Finding = finding, Action = "The interrupted operation was finished, where it had been decided, or else undone." }));
        var found = new FindingList(vm);
        await HealthCheck.LookAsync(scope.Place, scope.Domain, request.Disks, images: true, found, quiet, cancellation);
        done.AddRange(ended.Where(finding => !found.All.Any(still => still.Id == finding.Id && still.File == finding.File)).Select(ServingRepair.Plan));
        ILookup<bool, VMMomentFinding> chosen = Chosen(found.All, request).ToLookup(ServingRepair.Is);
        VMMomentFinding[] served = [.. chosen[true]], findings = [.. chosen[false]];
        done.AddRange(served.Where(finding => finding.Id == FindingIds.ServiceEnded).Select(Left));
        done.AddRange(await ServingRepair.RunAsync(scope, [.. served.Where(finding => finding.Id != FindingIds.ServiceEnded)], cancellation));
        if (findings.Length == 0)
            return done;
        await using Eyes eyes = await Eyes.OpenAsync(scope.Place, scope.Domain, scope.Store, findings, BlockAccess.Change, cancellation);
        RepairPlan plan = await RepairPlan.MakeAsync(scope.Domain, scope.Store, scope.State, findings, request.RemoveForeign, scope.Id, (next, disk) => eyes.LookAsync(next, disk, cancellation), eyes.Stored, cancellation);
        if (!plan.IsEmpty(scope.State))
            await CarryOutAsync(scope, plan, eyes, report, cancellation);
        return [.. done, .. plan.Repairs];
    }

    /// <summary>After a crash: finishes a repair whose transaction happened, else takes back what can be; true where it was finished.</summary>
    public static async Task<bool> ResolveAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        JsonObject disks = entry.Intent["disks"]!.AsObject();
        bool happened = false;
        if (disks.Count > 0)
        {
            await using BlockSession session = await BlockSession.OpenAsync(place, domain, [.. disks.Select(disk => disk.Key)], BlockAccess.Change, cancellation);
            await Leftovers.RemoveAsync(session, entry.Id, cancellation);
            IReadOnlyDictionary<string, ObservedLayer> seen = SessionView.BitmapsAtOpening(session);
            happened = disks.All(disk => disk.Value!["added"]!.AsArray().All(name => seen[disk.Key].Bitmaps.GetValueOrDefault((string)name!) is { Inconsistent: false })
                && disk.Value["removed"]!.AsArray().All(name => !seen[disk.Key].Bitmaps.ContainsKey((string)name!)));
            TransactionAction[] undo = happened ? [] : [.. disks.SelectMany(disk => disk.Value!["added"]!.AsArray().Where(name => seen[disk.Key].Bitmaps.ContainsKey((string)name!))
                .Select(name => TransactionAction.BitmapRemove(session.Disks[disk.Key].NodeName, (string)name!)))];
            if (undo.Length > 0)
                await session.Qmp.TransactionAsync(undo, cancellation);
            await session.CloseAsync(cancellation);
        }

        if (happened)
        {
            Journal.Redo(place.StateDirectory, entry.AsIntended());
            return true;
        }

        foreach ((string from, string to) in MovesOf(entry.Intent))
            if (File.Exists(Path.Combine(place.StateDirectory, to)) && !File.Exists(Path.Combine(place.StateDirectory, from)))
                DurableFile.Move(Path.Combine(place.StateDirectory, to), Path.Combine(place.StateDirectory, from));
        Journal.Remove(entry.Path);
        return false;
    }

    /// <summary>The intent of a repair that is metadata alone.</summary>
    public static JsonObject NothingToUndo() => new() { ["moves"] = new JsonArray(), ["disks"] = new JsonObject() };

    private static async Task CarryOutAsync(ChangeScope scope, RepairPlan plan, Eyes eyes, IOperationReport report, CancellationToken cancellation)
    {
        (string Disk, DiskSight Sight, DiskRepair Repair)[] edited = [.. plan.Disks.Where(one => one.Repair.Mark is not null || one.Repair.Removed.Count > 0 || one.Sight.Salvaged.Count > 0)];
        using Journal journal = scope.Begin(Operation, new JsonObject
        {
            ["moves"] = new JsonArray([.. plan.Moves.Select(move => (JsonNode)new JsonArray(move.From, move.To))]),
            ["disks"] = new JsonObject(edited.Where(one => one.Repair.Mark is not null || one.Repair.Removed.Count > 0).Select(one => KeyValuePair.Create(one.Disk, (JsonNode?)new JsonObject
            {
                ["added"] = new JsonArray([.. Added(one.Repair).Select(name => (JsonNode)name)]),
                ["removed"] = new JsonArray([.. one.Repair.Removed.Select(name => (JsonNode)name)]),
            }))),
            ["commit"] = scope.Store.Difference(scope.State, plan.Next).ToJson(),
        }, plan.Next);
        try
        {
            await EditAsync(scope, plan, edited, eyes, journal, cancellation);
        }
        catch (Exception)
        {
            await eyes.DisposeAsync();
            await TakeBackAsync(scope, report);
            throw;
        }

        scope.Commit(journal, plan.Next);
        scope.Store.Sweep(scope.State);
    }

    // Where that fails too, the journal stays for the next command; the failure that began it all is the one to be told.
    private static async Task TakeBackAsync(ChangeScope scope, IOperationReport report)
    {
        try
        {
            await ResolveAsync(scope.Place, scope.Domain, Journal.Pending(scope.Place.StateDirectory).Single(entry => entry.Id == scope.Id), CancellationToken.None);
        }
        catch (MomentException failure)
        {
            report.Warning($"The repair could not be taken back yet: {failure.Message} The next command that changes '{scope.Place.Name}' does it.");
        }
    }

    private static async Task EditAsync(
        ChangeScope scope, RepairPlan plan, (string Disk, DiskSight Sight, DiskRepair Repair)[] edited, Eyes eyes, Journal journal, CancellationToken cancellation)
    {
        journal.Pass("moves");
        foreach ((string from, string to) in plan.Moves)
        {
            string target = Path.Combine(scope.Place.StateDirectory, to);
            PrivateDirectory.Make(Path.GetDirectoryName(target)!);
            DurableFile.Move(Path.Combine(scope.Place.StateDirectory, from), target);
        }

        journal.Pass("sidecars");
        foreach ((string disk, string id, Segment segment) in plan.Saved)
            scope.Store.Segments.Write(id, new Dictionary<string, Segment>(StringComparer.Ordinal) { [disk] = segment });
        foreach ((string disk, DiskSight sight, DiskRepair repair) in plan.Disks)
            await SaveAsync(scope.Store.Segments, disk, sight, repair, cancellation);
        if (edited.Length == 0)
            return;
        journal.Pass("salvage");
        foreach ((string disk, DiskSight sight, _) in edited.Where(one => one.Sight.Salvaged.Count > 0))
            await Salvage.RunAsync(sight.Path, scope.State.Disk(disk), scope.Store.Segments, cancellation);
        journal.Pass("open");
        BlockSession session = await eyes.SessionAsync([.. edited.Select(one => one.Disk)], cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.BitmapsAsync(session, cancellation);
        foreach ((string disk, DiskSight sight, _) in edited)
            if (!sight.Agrees(seen[disk]))
                throw new MomentException(OperationErrors.RepairOvertaken, $"Cannot repair disk '{disk}' of '{scope.Place.Name}': '{sight.Path}' is not any more what it was when the repair was planned.", disk, "Run the command again.");
        (string Disk, DiskSight Sight, DiskRepair Repair)[] unmarked = [.. edited.Where(one => one.Repair.NeedsFull)];
        await using (AuthoredBitmaps full = await AuthoredBitmaps.WriteAsync(session, scope.Id, [.. unmarked.Select(one => (one.Disk, ExtentMap.Of(new Extent(0, one.Sight.Seen.Size))))], cancellation))
        {
            TransactionAction[] actions = [.. edited.SelectMany(one => one.Repair.Actions(session.Disks[one.Disk].NodeName, Array.IndexOf(unmarked, one) is >= 0 and var at ? full.Bitmaps[at] : null))];
            journal.Pass("transaction");
            // Not cancelled: a transaction whose answer was not awaited may have happened.
            if (actions.Length > 0)
                await session.Qmp.TransactionAsync(actions, CancellationToken.None);
        }

        journal.Pass("flush");
        if (session.IsMachine)
            await FlushAsync(session, edited.Where(one => one.Repair.Opened is not null).Select(one => one.Disk));
        await session.CloseAsync(CancellationToken.None);
        journal.Pass("closed");
    }

    private static IEnumerable<string> Added(DiskRepair repair) => new[] { repair.Opened, repair.Mark }.OfType<string>();

    private static async Task SaveAsync(SegmentFile segments, string disk, DiskSight sight, DiskRepair repair, CancellationToken cancellation)
    {
        if (repair.AllocationId is { } id)
            segments.Write(id, new Dictionary<string, Segment>(StringComparer.Ordinal) { [disk] = new(sight.Allocation!.Blocks!, sight.Seen.Size, TrackingProof.Granularity) });
        if (repair.SavedAgain.Count == 0)
            return;
        await using Qcow2Image image = await Qcow2Image.OpenAsync(sight.Path, cancellation);
        IReadOnlyList<Qcow2Bitmap> bitmaps = await image.BitmapsAsync(cancellation);
        foreach ((string name, string again) in repair.SavedAgain)
        {
            ExtentMap blocks = await BitmapRescue.ReadAsync(image, bitmaps.First(bitmap => bitmap.Name == name), cancellation);
            segments.Write(again, new Dictionary<string, Segment>(StringComparer.Ordinal) { [disk] = new(blocks, image.Header.Size, TrackingProof.Granularity) });
        }
    }

    private static async Task FlushAsync(BlockSession session, IEnumerable<string> disks)
    {
        await using SessionExports exports = session.OpenExports(CancellationToken.None);
        foreach (string disk in disks)
        {
            NbdClient client = await exports.ConnectAsync(session.Disks[disk].NodeName, [], [], CancellationToken.None);
            await client.FlushAsync(CancellationToken.None);
        }
    }

    // A record that cannot be read keeps every change from being made; it is kept, where a person can look at it.
    private async Task<List<VMMomentRepair>> SetJournalsAsideAsync(string vm, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        List<VMMomentRepair> done = [];
        using FileLock held = await DomainLock.TakeAsync(place.StateDirectory, "Repair-VMMoment", context.LockTimeout, cancellation);
        for (string? last = null; ;)
        {
            try
            {
                Journal.Pending(place.StateDirectory);
                return done;
            }
            catch (MomentException broken) when (broken.ErrorId == MomentErrors.JournalUnreadable && broken.Target is { } path && path != last)
            {
                last = path;
                string aside = Path.Combine(place.StateDirectory, RepairPlan.BrokenFolder, $"journal-{DateTimeOffset.UtcNow:yyyyMMddHHmmssfff}-{Path.GetFileName(path)}");
                PrivateDirectory.Make(Path.GetDirectoryName(aside)!);
                DurableFile.Move(path, aside);
                done.Add(new VMMomentRepair
                {
                    Finding = new VMMomentFinding { Id = FindingIds.JournalUnreadable, Severity = FindingList.Error, VM = vm, File = path, Text = broken.Message, Remedy = broken.Advice ?? "" },
                    Action = $"'{path}' is set aside into '{RepairPlan.BrokenFolder}'; what the operation left is found and repaired like anything else.",
                });
            }
        }
    }

    private static bool CanLoad(DomainPlace place)
    {
        try
        {
            new MomentStore(place.StateDirectory).Load(_ => { });
            return true;
        }
        catch (MomentException)
        {
            return false;
        }
    }

    // Before anything is loaded: what is loaded depends on it.
    private async Task KeepOneTipAsync(string vm, RepairMomentRequest request, List<VMMomentRepair> done, CancellationToken cancellation)
    {
        VMMomentFinding[] ambiguous = [.. request.Findings.Where(finding => finding.Id == FindingIds.CurrentAmbiguous)];
        if (request.Findings.Count > 0 && ambiguous.Length == 0)
            return;
        DomainPlace place = context.Catalogue.Place(vm);
        using FileLock held = await DomainLock.TakeAsync(place.StateDirectory, "Repair-VMMoment", context.LockTimeout, cancellation);
        if (Journal.Pending(place.StateDirectory).Count == 0 && await BranchRepair.RunAsync(place, context.Catalogue.Load(place), context.Probe, cancellation))
            done.AddRange(ambiguous.Select(finding => new VMMomentRepair { Finding = finding, Action = KeepOneTip }));
    }

    private static IReadOnlyList<VMMomentFinding> Chosen(IReadOnlyList<VMMomentFinding> found, RepairMomentRequest request) =>
        request.Findings.Count == 0 ? found
            : [.. found.Where(finding => request.Findings.Any(wanted => wanted.Id == finding.Id && wanted.Moment == finding.Moment && wanted.Disk == finding.Disk && wanted.Layer == finding.Layer && wanted.Branch == finding.Branch && wanted.File == finding.File))];

    // These are dealt with before anything is planned.
    private static (List<VMMomentRepair> Before, List<VMMomentFinding> Others) Separate(IReadOnlyList<VMMomentFinding> findings)
    {
        List<VMMomentRepair> before = [];
        foreach (VMMomentFinding finding in findings)
            if (finding.Id == FindingIds.OperationPending)
                before.Add(new VMMomentRepair { Finding = finding, Action = "The interrupted operation is finished, where it had been decided, or else undone." });
            else if (finding.Id == FindingIds.CurrentAmbiguous && finding.File is not null && !RepairPlan.IsOfFile(finding))
                before.Add(new VMMomentRepair { Finding = finding, Action = KeepOneTip });
            else if (ServingRepair.Is(finding))
                before.Add(ServingRepair.Plan(finding));
            else if (finding.Id == FindingIds.JournalUnreadable)
                before.Add(new VMMomentRepair { Finding = finding, Action = $"'{finding.File}' is set aside into '{RepairPlan.BrokenFolder}'." });
        return (before, [.. findings.Where(finding => !before.Exists(repair => repair.Finding == finding))]);
    }

    private static VMMomentRepair Left(VMMomentFinding finding) => RepairPlan.Untouched(finding);

    private static IEnumerable<(string From, string To)> MovesOf(JsonObject intent) => intent["moves"]!.AsArray().Select(move => ((string)move![0]!, (string)move[1]!));
}
