using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>
/// A block snapshot of a running machine on its way. Steps: prepare (nothing is touched); intent into the journal; scratch files and their
/// nodes; the instant; the nodes that show it; where a checkpoint was taken with it, its flush and sidecar; the record, with the metadata as
/// one. Until that is decided, a failure or a crash undoes all of it.
/// </summary>
internal sealed class RunningBlockSnapshot : IAsyncDisposable
{
    private readonly ChangeScope _scope;
    private readonly BlockSnapshotWish _wish;
    private readonly IOperationReport _report;
    private readonly PreparedCheckpoint? _checkpoint;
    private readonly BlockSession _session;
    private readonly GuestFreeze _guest;
    private readonly InstantViews _views;
    private readonly IReadOnlyDictionary<string, KnownChanges> _known;
    private readonly string _sidecar = MomentIds.New();
    private DomainMoments _next;
    private Journal? _journal;

    private RunningBlockSnapshot(
        ChangeScope scope, BlockSnapshotWish wish, IOperationReport report, PreparedCheckpoint? checkpoint, BlockSession session, GuestFreeze guest,
        InstantViews views, IReadOnlyDictionary<string, KnownChanges> known)
    {
        (_scope, _wish, _report, _checkpoint, _session, _guest, _views, _known) = (scope, wish, report, checkpoint, session, guest, views, known);
        _next = checkpoint?.Next ?? scope.State;
    }

    private BlockSnapshotRecord Record
    {
        get => _views.Record;
        set => _views.Record = value;
    }

    /// <summary>Why QEMU put no filter under some disks, by disk.</summary>
    public IReadOnlyDictionary<string, MomentException> Refused { get; private set; } = new Dictionary<string, MomentException>(StringComparer.Ordinal);

    /// <param name="context">What operations work with.</param>
    /// <param name="scope">The domain.</param>
    /// <param name="wish">What is wanted.</param>
    /// <param name="owner">With whose end it ends.</param>
    /// <param name="jobs">The disks that take no filter, so that a job has to copy.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<RunningBlockSnapshot> PrepareAsync(
        EngineContext context, ChangeScope scope, BlockSnapshotWish wish, ServiceOwner owner, string[] jobs, IOperationReport report, CancellationToken cancellation)
    {
        PreparedCheckpoint? checkpoint = wish.Request.NewCheckpoint is { } name ? await CheckpointAsync(context, scope, wish, name, report, cancellation) : null;
        BlockSession session = checkpoint?.Session ?? await BlockSession.OpenAsync(scope.Place, scope.Domain, [.. wish.Disks.Select(disk => disk.Target)], BlockAccess.Change, cancellation);
        GuestFreeze? guest = checkpoint?.Guest;
        try
        {
            if (checkpoint is null)
                foreach (string difference in session.Differences)
                    report.Warning(difference);
            IReadOnlyDictionary<string, SessionDisk> disks = checkpoint is null ? session.Disks : await new MachineDisks(session.Qmp, scope.Domain).ResolveAsync(wish.Disks, cancellation);
            IReadOnlyDictionary<string, KnownChanges> known = await KnownAsync(scope, session, checkpoint, wish, cancellation);
            InstantViews views = await InstantViews.PlanAsync(
                scope.Id, session.Qmp, wish, scope.Domain.Uuid!.Value, disks, jobs, owner, disk => (known[disk].Point, known[disk].Doubt), disk => known[disk].Bitmaps.Count > 0, cancellation);
            guest ??= await GuestFreeze.PrepareAsync(scope, session, wish.Request.Quiesce, context.Agent, report, cancellation);
            return new RunningBlockSnapshot(scope, wish, report, checkpoint, session, guest, views, known);
        }
        catch
        {
            if (checkpoint is not null)
                await checkpoint.DisposeAsync();
            else if (guest is not null)
                await guest.DisposeAsync();
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes it; it is decided when this returns.</summary>
    /// <returns>The record; null where a disk took no filter, and all was undone.</returns>
    public async Task<BlockSnapshotRecord?> TakeAsync(CancellationToken cancellation)
    {
        Begin();
        (string, string?) file;
        try
        {
            await _views.MakeAsync(_journal!, cancellation);
            if (_checkpoint is not null)
                await _checkpoint.ReadyAsync(cancellation);
            await GuestFreeze.HoldAsync([_guest], InstantAsync, _report, cancellation);
            if (Refused.Count > 0)
            {
                // Where this fails, there is no second way: what is left would stand in it.
                await TakeBackAsync();
                return null;
            }

            await _views.ShowAsync(cancellation);
            _journal!.Pass("views");
            if (_checkpoint is not null)
                await _checkpoint.KeepAsync(cancellation);
            Record = KnownChanges.Save(_known, Record, _sidecar, _scope.Store.Segments);
            file = ServiceRecords.FileOf(Record);
        }
        catch (Exception)
        {
            await WayBack.TryAsync(_scope.Place.Name, _report, TakeBackAsync);
            throw;
        }

        // What fails from here on may be decided: the next changing command finds out, and undoes or finishes it.
        if (_checkpoint is not null)
            _checkpoint.Decide(file);
        else
            _scope.Commit(_journal!, _next, file);
        return Record;
    }

    public async ValueTask DisposeAsync()
    {
        _journal?.Dispose();
        if (_checkpoint is not null)
            await _checkpoint.DisposeAsync();
        else
            await _guest.DisposeAsync();
        await _session.DisposeAsync();
    }

    /// <summary>The checkpoint at the same instant, of the disks that can be tracked.</summary>
    public static Task<PreparedCheckpoint> CheckpointAsync(EngineContext context, ChangeScope scope, BlockSnapshotWish wish, string name, IOperationReport report, CancellationToken cancellation)
    {
        string[] all = [.. wish.Disks.Select(disk => disk.Target)], tracked = [.. wish.Disks.Where(disk => CheckpointAlignment.WhyNot(disk) is null).Select(disk => disk.Target)];
        // Where none can be tracked, the checkpoint says why.
        var request = new CreateCheckpointRequest { Name = name, Disks = tracked.Length > 0 ? tracked : all, Quiesce = wish.Request.Quiesce };
        if (tracked.Length > 0)
            foreach (DomainDisk disk in wish.Disks.Where(disk => CheckpointAlignment.WhyNot(disk) is not null))
                report.Warning($"Checkpoint '{name}' does not cover disk '{disk.Target}' of '{scope.Place.Name}': it {CheckpointAlignment.WhyNot(disk)}.");
        return PreparedCheckpoint.PrepareAsync(context, scope, request, null, report, cancellation);
    }

    private static async Task<IReadOnlyDictionary<string, KnownChanges>> KnownAsync(
        ChangeScope scope, BlockSession session, PreparedCheckpoint? checkpoint, BlockSnapshotWish wish, CancellationToken cancellation)
    {
        if (checkpoint is not null)
            return KnownChanges.At(checkpoint, wish);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.AtOpeningAsync(session, scope.State, cancellation);
        Dictionary<string, KnownChanges> known = new(StringComparer.Ordinal);
        foreach (DomainDisk disk in wish.Disks)
            known[disk.Target] = await KnownChanges.OfAsync(scope.State.Disk(disk.Target), seen.GetValueOrDefault(disk.Target), scope.Store.Segments, cancellation);
        return known;
    }

    // What must be known after our death: what is made.
    private void Begin()
    {
        _next = Record.Pinned(_next);
        JsonObject intent = BlockSnapshotUndo.Intent(Record, _sidecar);
        if (_checkpoint is not null)
        {
            _checkpoint.Plan(Record.Pinned);
            _checkpoint.Begin(BlockSnapshotCreation.Operation, null, intent);
            _journal = _checkpoint.Journal;
        }
        else
        {
            _journal = _scope.Begin(BlockSnapshotCreation.Operation, intent, _next);
        }
    }

    private async Task InstantAsync()
    {
        if (_checkpoint is not null)
        {
            await _checkpoint.TakeAsync(actions => HoldAsync([.. actions, .. Copies()]));
            Record = Record with { Created = _checkpoint.Instant };
            return;
        }

        _journal!.Pass("instant");
        Record = Record with { Created = DateTimeOffset.UtcNow };
        await HoldAsync(Copies());
    }

    private async Task HoldAsync(IEnumerable<TransactionAction> actions)
    {
        Refused = await _views.TakeAsync(actions);
        _journal!.Pass("taken");
    }

    private IEnumerable<TransactionAction> Copies()
    {
        foreach (BlockSnapshotRecordDisk disk in Record.Disks)
        {
            if (disk.Copy is not { } copy)
                continue;
            yield return TransactionAction.BitmapAdd(disk.Node, copy, granularity: TrackingProof.Granularity, disabled: true);
            yield return TransactionAction.BitmapMerge(disk.Node, copy, _known[disk.Name].Bitmaps.Select(name => new BitmapRef(disk.Node, name)));
        }
    }

    // Over a line of its own: this one may be what broke.
    private async Task TakeBackAsync()
    {
        await _session.DisposeAsync();
        await BlockSnapshotUndo.RunAsync(_scope, CancellationToken.None);
        _journal!.End();
    }
}
