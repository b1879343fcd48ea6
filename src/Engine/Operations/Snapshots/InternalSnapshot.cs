using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// A snapshot inside the qcow2 images on its way. Steps: intent; the snapshot and, at the same instant, the change of bitmaps: for disks
/// alone in one transaction, with a memory while the machine stands still; flush and sidecar as for a checkpoint; metadata. Until these
/// are decided, a failure or a crash undoes all of it.
/// </summary>
internal sealed class InternalSnapshot(ChangeScope scope, BlockSession session, SnapshotWish wish, CreateSnapshotRequest request, bool memory, IOperationReport report) : IAsyncDisposable
{
    public const string Kind = "internal";

    private CheckpointPlan _plan = null!;
    private IReadOnlyDictionary<string, ObservedLayer> _seen = null!;
    private GuestFreeze? _guest;
    private Journal? _journal;
    private FullMarks? _marks;
    private bool _ran;

    private string Tag => wish.Moment.Key.Name;

    private bool Halts => request.Halt && session.IsMachine;

    // Without a moment nothing begins there: what is recorded goes on.
    private IReadOnlyList<CheckpointStep> Steps => request.NoMetadata ? [] : _plan.Steps;

    /// <summary>Checks and plans everything; nothing is touched.</summary>
    public async Task PrepareAsync(GuestAgentOptions agent, CancellationToken cancellation)
    {
        foreach (SessionDisk disk in session.Disks.Values)
            if ((await TagsAsync(disk.Path, cancellation)).Contains(Tag))
                throw SnapshotCreationErrors.TagExists(Tag, disk.Name, disk.Path);
        _seen = await LayerAcceptance.SettleAsync(scope.State, session.Disks.Values, await SessionView.AtOpeningAsync(session, scope.State, cancellation), cancellation);
        QmpStatus? status = session.IsMachine ? await session.Qmp.QueryStatusAsync(cancellation) : null;
        _ran = status is { Running: true };
        string state = status is null ? "shutoff" : !memory ? "disk-snapshot" : _ran ? "running" : "paused";
        StoredMoment moment = wish.Moment with
        {
            Document = wish.Document with { State = state, Memory = new SnapshotMemory(memory ? SnapshotMode.Internal : SnapshotMode.No) },
        };
        _plan = CheckpointPlan.Make(scope.State, moment, scope.Id, scope.Id, wish.Disks.Select(name => session.Disks[name]), _seen, opened: $"mt-{scope.Id}");
        _guest = await GuestFreeze.PrepareAsync(scope, session, request.Quiesce, agent, report, cancellation);
        await StartCheck.WarnAsync(scope, _seen, _plan.Doubts.Keys, report, cancellation);
        foreach ((string disk, string doubt) in _plan.Doubts)
            report.Warning($"Disk '{disk}' of '{scope.Place.Name}': what changed between '{scope.State.Disk(disk).Current?.Name}' and now is lost, because {doubt}. From '{Tag}' on it is recorded again.");
    }

    /// <summary>Takes the snapshot; it is decided when this returns.</summary>
    public async Task<VMSnapshot> TakeAsync(CancellationToken cancellation)
    {
        var intent = new JsonObject
        {
            ["kind"] = Kind, ["tag"] = Tag, ["ran"] = _ran && (memory || Halts), ["steps"] = CheckpointCreation.Json(Steps),
            ["disks"] = new JsonArray([.. wish.Disks.Select(disk => (JsonNode)disk)]),
        };
        DomainMoments next = request.NoMetadata ? scope.State : _plan.Next;
        _journal = scope.Begin(SnapshotCreation.Operation, intent, next);
        try
        {
            _marks = await FullMarks.MakeAsync(session, Steps, scope.Id, cancellation);
            await GuestFreeze.HoldAsync([_guest!], () => InstantAsync(cancellation), report, cancellation);
            await KeepAsync(cancellation);
            if (Halts)
                await MachineHalt.EndAsync(scope.Place, scope.Domain, report, CancellationToken.None);
        }
        catch (Exception)
        {
            await AfterFailureAsync();
            throw;
        }

        scope.Commit(_journal, request.NoMetadata ? scope.State : _plan.Next);
        var after = _plan.Steps.ToDictionary(step => step.Disk, step => step.After(_seen[step.Disk]), StringComparer.Ordinal);
        return SnapshotCreation.Result(scope.Place.Name, _plan.Next, wish.Moment.Key, after);
    }

    public async ValueTask DisposeAsync()
    {
        _journal?.Dispose();
        if (_marks is not null)
            await _marks.DisposeAsync();
        if (_guest is not null)
            await _guest.DisposeAsync();
    }

    /// <summary>Takes back what was done: bitmaps, snapshots of the name in the images, a machine that stands still.</summary>
    public static async Task UndoAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        CheckpointStep[] steps = [.. entry.Intent["steps"]!.AsArray().Select(step => CheckpointStep.FromJson(step!.AsObject()))];
        string[] disks = [.. entry.Intent["disks"]!.AsArray().Select(disk => (string)disk!)];
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, disks, BlockAccess.Change, cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = SessionView.BitmapsAtOpening(session);
        await CheckpointUndo.RunAsync(session, steps, entry.Id, cancellation);
        // None of the name was there before. But of an image that is ahead of this record it is not known whose the snapshot is.
        string tag = (string)entry.Intent["tag"]!;
        foreach (SessionDisk disk in session.Disks.Values.Where(disk => !steps.Any(step => step.Disk == disk.Name && step.IsBehind(seen[disk.Name]))))
            if ((await TagsAsync(disk.Path, cancellation)).Contains(tag))
                await session.Qmp.ExecuteAsync("blockdev-snapshot-delete-internal-sync", new JsonObject { ["device"] = disk.NodeName, ["name"] = tag }, cancellation);
        if (session.IsMachine && (bool)entry.Intent["ran"]! && await session.Qmp.QueryStatusAsync(cancellation) is { Running: false, Status: "paused" or "save-vm" })
            await session.Qmp.ContAsync(cancellation);
        await session.CloseAsync(cancellation);
    }

    private static async Task<IReadOnlySet<string>> TagsAsync(string path, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        return (await image.SnapshotsAsync(cancellation)).Select(snapshot => snapshot.Name).ToHashSet(StringComparer.Ordinal);
    }

    private async Task InstantAsync(CancellationToken cancellation)
    {
        if (_ran && (memory || Halts))
            await session.Qmp.StopAsync(cancellation);
        DateTimeOffset instant = DateTimeOffset.UtcNow;
        IEnumerable<TransactionAction> bitmaps = Steps.SelectMany(step => _marks!.Actions(step));
        _journal!.Pass("transaction");
        if (memory)
        {
            await SaveAsync(cancellation);
            _journal.Pass("saved");
            if (Steps.Count > 0)
                await session.Qmp.TransactionAsync(bitmaps, CancellationToken.None);
            if (_ran && !Halts)
                await session.Qmp.ContAsync(CancellationToken.None);
        }
        else
        {
            await session.Qmp.TransactionAsync(
                [.. wish.Disks.Select(disk => TransactionAction.BlockdevSnapshotInternal(session.Disks[disk].NodeName, Tag)), .. bitmaps], CancellationToken.None);
        }

        StoredMoment moment = _plan.Next.Moments[wish.Moment.Key];
        _plan = _plan with { Next = _plan.Next.With(moment with { Created = instant, Document = moment.Document with { CreationTime = instant.ToUnixTimeSeconds() } }) };
        await IdentifyAsync(cancellation);
    }

    // QEMU has written its list to the file.
    private async Task IdentifyAsync(CancellationToken cancellation)
    {
        foreach (CheckpointStep step in Steps)
        {
            DiskTracking disk = _plan.Next.Disk(step.Disk);
            if (await ImageTips.FindAsync(session.Disks[step.Disk].Path, Tag, cancellation) is { } snapshot)
                _plan = _plan with { Next = _plan.Next.With(disk.WithInside(wish.Moment.Key, snapshot.Identity)) };
        }
    }

    // The memory lies in the image of the first disk; QEMU says only by the job how it went.
    private Task SaveAsync(CancellationToken cancellation)
    {
        string job = $"mt-{scope.Id}-save";
        string[] nodes = [.. wish.Disks.Select(disk => session.Disks[disk].NodeName)];
        return session.Jobs.RunAsync(
            job,
            token => session.Qmp.ExecuteAsync(
                "snapshot-save",
                new JsonObject { ["job-id"] = job, ["tag"] = Tag, ["vmstate"] = nodes[0], ["devices"] = new JsonArray([.. nodes.Select(node => (JsonNode)node)]) }, token),
            null, cancellation);
    }

    private async Task KeepAsync(CancellationToken cancellation)
    {
        _journal!.Pass("capture");
        await _marks!.DisposeAsync();
        await LayerAcceptance.VerifyAsync(scope.State, session.Disks.Values, _seen, cancellation);
        if (Steps.Count > 0)
        {
            await using SessionExports exports = session.OpenExports(cancellation);
            IReadOnlyDictionary<string, Segment> segments = await SegmentCapture.RunAsync(exports, Steps, _seen, cancellation);
            _journal.Pass("sidecar");
            if (segments.Count > 0)
                scope.Store.Segments.Write(scope.Id, segments);
            await exports.CloseAsync(() => RemoveCopiesAsync(cancellation));
        }

        _journal.Pass("close");
        await session.CloseAsync(cancellation);
    }

    private Task RemoveCopiesAsync(CancellationToken cancellation)
    {
        TransactionAction[] copies = [.. Steps.Where(step => step.Copy is not null).Select(step => TransactionAction.BitmapRemove(step.Node, step.Copy!))];
        return copies.Length > 0 ? session.Qmp.TransactionAsync(copies, cancellation) : Task.CompletedTask;
    }

    private Task AfterFailureAsync() => WayBack.TryAsync(scope.Place.Name, report, async () =>
    {
        await session.DisposeAsync();
        await UndoAsync(scope.Place, scope.Domain, Journal.Pending(scope.Place.StateDirectory).First(one => one.Id == scope.Id), CancellationToken.None);
        scope.Store.Segments.Delete([scope.Id]);
        _journal!.End();
    });
}
