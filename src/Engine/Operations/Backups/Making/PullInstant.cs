using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Making;

/// <summary>
/// The instant of a backup by pull: a block snapshot that no record knows, with the checkpoint of the backup and private bitmaps of what
/// changed up to it. All of it is in the journal of the backup, by which it is taken back.
/// </summary>
internal sealed class PullInstant : IDisposable
{
    private readonly BackupWork _work;
    private readonly IOperationReport _report;
    private readonly CheckpointPlan _plan;
    private readonly InstantViews _views;

    private PullInstant(BackupWork work, IOperationReport report, CheckpointPlan plan, InstantViews views)
    {
        (_work, _report, _plan, _views) = (work, report, plan, views);
        Next = plan.Next;
        Journal = work.Scope.Begin(PullBackup.Operation, Intent(), plan.Next);
    }

    public Journal Journal { get; }

    /// <summary>The views that show the disks, of disks by name.</summary>
    public BlockSnapshotRecord Views => _views.Record;

    /// <summary>The moments with the checkpoint.</summary>
    public DomainMoments Next { get; private set; }

    /// <summary>When it was.</summary>
    public DateTimeOffset Time { get; private set; }

    /// <summary>By disk what changed since the backup that it is to stand on, where that is proven.</summary>
    public IReadOnlyDictionary<string, ExtentMap> Changed { get; private set; } = new Dictionary<string, ExtentMap>(StringComparer.Ordinal);

    public FirmwareVariables? Firmware { get; private set; }

    private ChangeScope Scope => _work.Scope;

    private BlockSession Session => _work.Session;

    /// <summary>Plans it, and writes down what is going to be made.</summary>
    /// <param name="work">The backup.</param>
    /// <param name="jobs">The disks that take no filter, so that a job of QEMU has to copy.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<PullInstant> BeginAsync(BackupWork work, IReadOnlyCollection<string> jobs, IOperationReport report, CancellationToken cancellation)
    {
        ChangeScope scope = work.Scope;
        string[] disks = [.. work.Decisions.Select(decision => decision.Disk.Name)];
        var wish = BlockSnapshotWish.Of(scope, new CreateBlockSnapshotRequest
        {
            Name = "backup-" + work.Id, Disks = disks, Scratch = work.Request.Scratch, ScratchDirectory = work.Request.ScratchDirectory, ScratchLimit = work.Request.ScratchLimit,
        });
        CheckpointPlan plan = work.Moment is { } moment
            ? CheckpointPlan.Make(scope.State, moment, scope.Id, scope.Id, work.Tracked, work.Seen) : new CheckpointPlan([], scope.State, new Dictionary<string, string>(StringComparer.Ordinal));
        var owner = ServiceOwner.From(ownedBySession: true, null, DateTimeOffset.UtcNow);
        InstantViews views = await InstantViews.PlanAsync(
            scope.Id, work.Session.Qmp, wish, work.Uuid, disks.ToDictionary(disk => disk, disk => work.Session.Disks[disk], StringComparer.Ordinal), jobs, owner, _ => (null, null), _ => false, cancellation);
        return new PullInstant(work, report, plan, views);
    }

    /// <summary>Takes it, and reads what changed up to it.</summary>
    /// <returns>By disk, why QEMU put no filter under it; then nothing of it is of use, and it has to be taken back.</returns>
    public async Task<IReadOnlyDictionary<string, MomentException>> TakeAsync(CancellationToken cancellation)
    {
        await _views.MakeAsync(Journal, cancellation);
        IReadOnlyDictionary<string, MomentException> refused = new Dictionary<string, MomentException>(StringComparer.Ordinal);
        await using (FullMarks marks = await FullMarks.MakeAsync(Session, _plan.Steps, Scope.Id, cancellation))
        {
            await GuestFreeze.HoldAsync([_work.Guest], async () =>
            {
                Journal.Pass("transaction");
                Time = DateTimeOffset.UtcNow;
                refused = await _views.TakeAsync([.. _plan.Steps.SelectMany(marks.Actions), .. Increments()]);
                Journal.Pass("taken");
            }, _report, cancellation);
        }

        if (refused.Count > 0)
            return refused;
        await _views.ShowAsync(cancellation);
        Journal.Pass("views");
        await CaptureAsync(cancellation);
        if (_work.Moment is { } moment)
            Next = Next.With(moment with { Created = Time, Document = moment.Document with { CreationTime = Time.ToUnixTimeSeconds() } });
        // Once the backup is published it is what a later command finishes.
        Journal.Extend(new JsonObject { ["commit"] = Scope.Store.Difference(Scope.State, Next).ToJson() });
        return refused;
    }

    /// <summary>Nobody wrote to what the disks stand on, and the jobs that copy in place of filters still do: what was read is the content of the instant.</summary>
    public async Task VerifyAsync(CancellationToken cancellation)
    {
        await LayerAcceptance.VerifyAsync(Scope.State, Session.Disks.Values, _work.Seen, cancellation);
        if (Views.Disks.Any(disk => disk.Method == BlockSnapshotRecordDisk.Backup) && await WhyBrokenAsync(cancellation) is { } broken)
            throw BackupErrors.ViewBroken(_work.Vm, broken, null);
    }

    /// <summary>Why a view cannot be read any more, or null.</summary>
    public async Task<string?> WhyBrokenAsync(CancellationToken cancellation)
    {
        IReadOnlyList<QmpJobInfo> jobs = await Session.Jobs.QueryAsync(cancellation);
        await using SessionExports exports = Session.OpenExports(cancellation);
        foreach (BlockSnapshotRecordDisk disk in Views.Disks)
            if (await BlockSnapshotView.WhyBrokenAsync(exports, jobs, Views, disk, cancellation) is { } broken)
                return broken;
        return null;
    }

    /// <summary>Lets the guest write without copies again; nothing of the views is left. The checkpoint stays.</summary>
    public async Task CloseViewsAsync()
    {
        Journal.Pass("close views");
        foreach (string path in await BlockSnapshotTeardown.RunAsync(Scope.Place, Views, Session.Qmp, CancellationToken.None))
            _report.Warning($"The file '{path}' was left alone: it is not the scratch file that was made for this backup.");
    }

    /// <summary>Takes all of it back over the line that made it, so that it can be begun again.</summary>
    public async Task TakeBackAsync()
    {
        await CloseViewsAsync();
        await CheckpointUndo.RunAsync(Session, _plan.Steps, Scope.Id, CancellationToken.None);
        Scope.Store.Segments.Delete([Scope.Id]);
        Journal.End();
    }

    /// <summary>The same after a failure, over a line of its own: the one that made it may be what broke.</summary>
    public Task UndoAsync() => WayBack.TryAsync(_work.Vm, _report, async () =>
    {
        await Session.DisposeAsync();
        await BlockSnapshotUndo.RunAsync(Scope, CancellationToken.None);
        Journal.End();
    });

    public void Dispose() => Journal.Dispose();

    private JsonObject Intent()
    {
        JsonObject intent = BlockSnapshotUndo.Intent(Views, Scope.Id);
        intent["name"] = _work.Moment?.Key.Name ?? _work.Id;
        intent["steps"] = CheckpointCreation.Json(_plan.Steps);
        intent["published"] = Path.Combine(_work.Directory, _work.Id);
        return intent;
    }

    private IEnumerable<BackupDecision> Proven => _work.Decisions.Where(decision => decision.Changes is not null);

    // QEMU 7.2 dies of a merge of no bitmaps; then all that changed is known from elsewhere.
    private IEnumerable<BackupDecision> Recorded => Proven.Where(decision => decision.Changes!.Bitmaps.Count > 0);

    private IEnumerable<TransactionAction> Increments()
    {
        string increment = BackupCreation.IncrementBitmap(Scope.Id);
        foreach (BackupDecision decision in Recorded)
        {
            string node = decision.Disk.NodeName;
            yield return TransactionAction.BitmapAdd(node, increment, granularity: TrackingProof.Granularity, disabled: true);
            yield return TransactionAction.BitmapMerge(node, increment, decision.Changes!.Bitmaps.Select(name => new BitmapRef(node, name)));
        }
    }

    // What closed goes into a sidecar, as with every checkpoint; the private copies are not needed any more then.
    private async Task CaptureAsync(CancellationToken cancellation)
    {
        Journal.Pass("capture");
        string increment = BackupCreation.IncrementBitmap(Scope.Id);
        await using SessionExports exports = Session.OpenExports(cancellation);
        IReadOnlyDictionary<string, Segment> segments = await SegmentCapture.RunAsync(exports, _plan.Steps, _work.Seen, cancellation);
        Dictionary<string, ExtentMap> changed = Proven.ToDictionary(decision => decision.Disk.Name, decision => decision.Changes!.Saved.Clip(decision.Disk.VirtualSize), StringComparer.Ordinal);
        foreach (SessionDisk disk in Recorded.Select(decision => decision.Disk))
            changed[disk.Name] = changed[disk.Name].Union((await SegmentCapture.ReadAsync(exports, disk.NodeName, increment, disk.VirtualSize, cancellation))!.Blocks.Clip(disk.VirtualSize));

        Changed = changed;
        await LayerAcceptance.VerifyAsync(Scope.State, Session.Disks.Values, _work.Seen, cancellation);
        Firmware = await FirmwareVariables.ReadAsync(Scope.Domain, running: true, _report, cancellation);
        Journal.Pass("sidecar");
        if (segments.Count > 0)
            Scope.Store.Segments.Write(Scope.Id, segments);
        TransactionAction[] copies =
        [
            .. _plan.Steps.Where(step => step.Copy is not null).Select(step => TransactionAction.BitmapRemove(step.Node, step.Copy!)),
            .. Recorded.Select(decision => TransactionAction.BitmapRemove(decision.Disk.NodeName, increment)),
        ];
        await exports.CloseAsync(() => copies.Length > 0 ? Session.Qmp.TransactionAsync(copies, cancellation) : Task.CompletedTask);
    }
}
