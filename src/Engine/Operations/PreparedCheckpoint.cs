using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>
/// One machine's checkpoint on its way. Steps: prepare (nothing is touched); intent into the journal; one transaction (open, close, private
/// copies, marks), with the guest held still around it where that was asked for; flush and read what closed; sidecar; metadata. Until the
/// metadata is decided, a failure or a crash undoes all of it. One machine alone and a group walk the same steps.
/// </summary>
internal sealed class PreparedCheckpoint : IAsyncDisposable
{
    private readonly BlockSession _session;
    private readonly StoredMoment _moment;
    private readonly IReadOnlyDictionary<string, ObservedLayer> _seen;
    private CheckpointPlan _plan;
    private Journal? _journal;
    private FullMarks? _marks;

    private PreparedCheckpoint(
        ChangeScope scope, BlockSession session, StoredMoment moment, CheckpointPlan plan, IReadOnlyDictionary<string, ObservedLayer> seen, GuestFreeze guest)
    {
        Scope = scope;
        _session = session;
        _moment = moment;
        _plan = plan;
        _seen = seen;
        Guest = guest;
    }

    public ChangeScope Scope { get; }

    public GuestFreeze Guest { get; }

    /// <summary>The line to whoever owns the disks.</summary>
    public BlockSession Session => _session;

    /// <summary>The operation, from its beginning on.</summary>
    public Journal? Journal => _journal;

    /// <summary>What the moments will be.</summary>
    public DomainMoments Next => _plan.Next;

    /// <summary>When the transaction happened.</summary>
    public DateTimeOffset Instant { get; private set; }

    /// <summary>What the metadata will be.</summary>
    public FileChanges Changes => Scope.ChangesTo(_plan.Next);

    /// <summary>Checks and plans everything; what is impossible is refused here.</summary>
    public static async Task<PreparedCheckpoint> PrepareAsync(
        EngineContext context, ChangeScope scope, CreateCheckpointRequest request, string? group, IOperationReport report, CancellationToken cancellation)
    {
        StoredMoment moment = CheckpointCreation.Describe(scope, request) with { Group = group };
        string[] disks = [.. CheckpointCreation.Tracked(moment)];
        ServedDisks.Of(scope.Place).RefuseHeld(disks, $"take checkpoint '{moment.Key.Name}' of '{scope.Place.Name}'");
        await BitmapCapability.RequireAsync(scope.Domain, disks.Where(disk => scope.State.Disk(disk).ActiveTip is null), cancellation);
        BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, disks, BlockAccess.Change, cancellation);
        foreach (string difference in session.Differences)
            report.Warning(difference);
        try
        {
            IReadOnlyDictionary<string, ObservedLayer> seen = await LayerAcceptance.SettleAsync(scope.State, session.Disks.Values, await SessionView.AtOpeningAsync(session, scope.State, cancellation), cancellation);
            // What has stored bitmaps can have another; a tracked disk without any may be on an image that was put in its place.
            await BitmapCapability.RequireAsync(
                scope.Domain, disks.Where(disk => scope.State.Disk(disk).ActiveTip is not null && !seen[disk].Bitmaps.Values.Any(bitmap => bitmap.Persistent)), cancellation);
            CheckpointPlan plan = CheckpointPlan.Make(scope.State, moment, scope.Id, scope.Id, session.Disks.Values, seen);
            GuestFreeze guest = await GuestFreeze.PrepareAsync(scope, session, request.Quiesce, context.Agent, report, cancellation);
            await StartCheck.WarnAsync(scope, seen, plan.Doubts.Keys, report, cancellation);
            foreach ((string disk, string doubt) in plan.Doubts)
                report.Warning($"Disk '{disk}' of '{scope.Place.Name}': what changed between '{scope.State.Disk(disk).Current?.Name}' and now is lost, because {doubt}. From '{moment.Key.Name}' on it is recorded again.");
            return new PreparedCheckpoint(scope, session, moment, plan, seen, guest);
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Writes the intent: from here on it is decided or undone.</summary>
    /// <param name="operation">The kind of operation.</param>
    /// <param name="group">The group whose decision decides it, or null.</param>
    /// <param name="more">What else is to be undone, of an operation of which the checkpoint is a part.</param>
    public void Begin(string operation, string? group, JsonObject? more = null)
    {
        JsonObject intent = more ?? [];
        intent["name"] = _moment.Key.Name;
        intent["steps"] = CheckpointCreation.Json(_plan.Steps);
        if (group is not null)
            intent["group"] = group;
        _journal = Scope.Begin(operation, intent, _plan.Next);
    }

    /// <summary>Makes ready what the instant needs, while the guest still works.</summary>
    public async Task ReadyAsync(CancellationToken cancellation) =>
        _marks = await FullMarks.MakeAsync(_session, _plan.Steps, Scope.Id, cancellation);

    /// <summary>Plans that more changes with it in the metadata; before the intent is written.</summary>
    public void Plan(Func<DomainMoments, DomainMoments> change) => _plan = _plan with { Next = change(_plan.Next) };

    /// <summary>The instant itself.</summary>
    public Task TakeAsync(CancellationToken cancellation) => TakeAsync(actions => _session.Qmp.TransactionAsync(actions, cancellation));

    /// <summary>The same where the transaction is a part of something larger.</summary>
    /// <param name="transact">Does all actions at one instant, or none.</param>
    public async Task TakeAsync(Func<IReadOnlyList<TransactionAction>, Task> transact)
    {
        _journal!.Pass("transaction");
        TransactionAction[] actions = [.. _plan.Steps.SelectMany(_marks!.Actions)];
        // To the tick as the store writes it, so that what was made and what is read later are equal.
        Instant = DateTimeOffset.UtcNow;
        await transact(actions);
        _plan = _plan with { Next = _plan.Next.With(_moment with { Created = Instant, Document = _moment.Document with { CreationTime = Instant.ToUnixTimeSeconds() } }) };
    }

    /// <summary>Makes durable what was taken: flush, sidecar of what closed, and for a stopped machine the images themselves.</summary>
    public async Task KeepAsync(CancellationToken cancellation)
    {
        _journal!.Pass("capture");
        await _marks!.DisposeAsync();
        await LayerAcceptance.VerifyAsync(Scope.State, _session.Disks.Values, _seen, cancellation);
        // The disk writes while QEMU flushes, answers and tidies up.
        Task metadata = Task.Run(() => Scope.Stage(_journal, _plan.Next, _moment.Key), CancellationToken.None), sidecar = Task.CompletedTask;
        try
        {
            await using (SessionExports exports = _session.OpenExports(cancellation))
            {
                IReadOnlyDictionary<string, Segment> segments = await SegmentCapture.RunAsync(exports, _plan.Steps, _seen, cancellation);
                _journal.Pass("sidecar");
                if (segments.Count > 0)
                    sidecar = Task.Run(() => Scope.Store.Segments.Write(Scope.Id, segments), CancellationToken.None);
                await exports.CloseAsync(() => RemoveCopiesAsync(cancellation));
            }
        }
        finally
        {
            // Never left behind: what comes next may be the undoing.
            await Task.WhenAll(metadata, sidecar);
        }

        _journal.Pass("close");
        await _session.CloseAsync(cancellation);
    }

    private Task RemoveCopiesAsync(CancellationToken cancellation)
    {
        _journal!.Pass("remove copies");
        TransactionAction[] copies = [.. _plan.Steps.Where(step => step.Copy is not null).Select(step => TransactionAction.BitmapRemove(step.Node, step.Copy!))];
        return copies.Length > 0 ? _session.Qmp.TransactionAsync(copies, cancellation) : Task.CompletedTask;
    }

    /// <summary>Takes back what was done, if anything was begun; not cancelled.</summary>
    public async Task UndoAsync(IOperationReport report)
    {
        if (_journal is null)
            return;
        await _session.DisposeAsync();
        await CheckpointUndo.AfterFailureAsync(Scope, _plan.Steps, _journal, report, async (place, domain, steps, id, cancellation) =>
        {
            await CheckpointUndo.RunAsync(place, domain, steps, id, cancellation);
            Scope.Store.Segments.Delete([id]);
        });
    }

    /// <summary>Writes the metadata: the checkpoint is there.</summary>
    /// <param name="others">Further files of the domain that change with it.</param>
    public VMCheckpoint Decide(params ReadOnlySpan<(string Path, string? Content)> others)
    {
        Scope.Commit(_journal!, _plan.Next, others);
        // What the machine has now follows from what it had and what was done: it is not asked again.
        MomentTree tree = Scope.State.Tree(out _);
        var after = _plan.Steps.ToDictionary(step => step.Disk, step => step.After(_seen[step.Disk]), StringComparer.Ordinal);
        return new MomentResults(Scope.Place.Name, Scope.State, tree, after).Checkpoint(tree.Find(_moment.Key)!);
    }

    public async ValueTask DisposeAsync()
    {
        _journal?.Dispose();
        if (_marks is not null)
            await _marks.DisposeAsync();
        await Guest.DisposeAsync();
        await _session.DisposeAsync();
    }
}
