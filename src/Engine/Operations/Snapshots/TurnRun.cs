using System.Diagnostics;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Goes to another state inside the images: all disks at one instant. Steps: what closed bitmaps hold goes to sidecars; intent; the guest
/// stands still; what recorded until now goes to a sidecar; what is left is saved; the bitmaps are taken out; the snapshot is loaded; a new
/// bitmap records; the guest goes on; metadata. See <see cref="TurnResolution"/> for what breaks off.
/// </summary>
internal sealed class TurnRun(ChangeScope scope, IOperationReport report)
{
    public const string Operation = "image-turn";

    private static readonly string[] Passing = ["inmigrate", "postmigrate", "finish-migrate", "save-vm", "colo"];

    private TimeSpan? _stood;

    public async Task<TurnOutcome> RunAsync(TurnRequest request, CancellationToken cancellation)
    {
        ServedDisks.Of(scope.Place).Refuse(request.Target.Snapshots.Keys, $"go to {request.What} of '{scope.Place.Name}'");
        bool started = false;
        // Memory can only be loaded into a machine.
        if (request.Memory && (await MachineProbe.RunAsync(scope.Place, scope.Domain, cancellation)).State == VMState.Stopped)
        {
            await StartAsync(paused: true, cancellation);
            started = true;
        }

        bool begun = false;
        try
        {
            return await RunAsync(request, started, () => begun = true, cancellation);
        }
        catch when (started && !begun)
        {
            await new MachineStopper(scope.Place, scope.Domain).StopAsync(force: true, TimeSpan.Zero, CancellationToken.None);
            throw;
        }
    }

    private async Task<TurnOutcome> RunAsync(TurnRequest request, bool started, Action begun, CancellationToken cancellation)
    {
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, [.. request.Target.Snapshots.Keys], BlockAccess.Change, cancellation);
        foreach (string difference in session.Differences)
            report.Warning(difference);
        QmpStatus? status = session.IsMachine ? await session.Qmp.QueryStatusAsync(cancellation) : null;
        if (status is not null && Passing.Contains(status.Status))
            throw ImageTipErrors.Unfit(scope.Place.Name, status.Status);
        bool ran = status is { Running: true };
        if (session.IsMachine)
            await BusyDisks.RefuseAsync(scope.Place, session, $"go to {request.What} of '{scope.Place.Name}'", cancellation);
        IReadOnlyDictionary<string, ObservedLayer> seen = await SessionView.AtOpeningAsync(session, scope.State, cancellation);
        List<TurnPlan> plans = await PlanAsync(request, session, seen, cancellation);
        await StartCheck.WarnAsync(scope, seen, plans.Where(plan => plan.Doubt is not null).Select(plan => plan.Step.Disk), report, cancellation);
        bool keepsMemory = KeepsMemory(request, ran);
        DomainMoments next = request.Decide(plans.Aggregate(request.Prepared with { Current = null }, (state, plan) => state.With(plan.Forward)), ran && !keepsMemory);
        DomainMoments back = plans.Aggregate(scope.State, (state, plan) => state.With(plan.Back));
        TurnMode mode = !session.IsMachine ? TurnMode.Closed : request.Memory ? TurnMode.Memory : TurnMode.Exchange;
        var turn = new ImageTurn(
            [.. plans.Select(plan => plan.Step)], mode, request.Memory ? MemoryNode(request, session) : null, request.Target.KeepTag, keepsMemory, ran,
            request.Goal ?? (ran ? VMState.Running : session.IsMachine ? VMState.Paused : VMState.Stopped), started);
        if (session.IsMachine)
            turn = turn with { Steps = await ReopeningAsync(session, turn, cancellation) };

        Journal journal = scope.Begin(Operation, turn.ToJson(scope.Store.Difference(scope.State, next), scope.Store.Difference(scope.State, back)), next);
        begun();
        try
        {
            if (session.IsMachine)
                await InMachineAsync(session, turn, journal, cancellation);
            else
                await ClosedAsync(session, turn, journal, cancellation);
        }
        catch (Exception failure)
        {
            await session.DisposeAsync();
            journal.Dispose();
            if (await ResolveAsync(turn, failure) is { } told)
                throw told;
            throw;
        }

        using (journal)
            scope.Commit(journal, next);
        scope.Store.Sweep(scope.State);
        if (turn.Goal == VMState.Stopped && session.IsMachine)
            await StopAsync(session);
        else if (turn.Goal != VMState.Stopped && !session.IsMachine)
            await StartAsync(paused: turn.Goal == VMState.Paused, cancellation);
        return new TurnOutcome(turn.Goal, _stood);
    }

    // Memory goes with the disks that it knows: with one of them elsewhere nobody could go on from it.
    private bool KeepsMemory(TurnRequest request, bool ran)
    {
        if (!request.KeepMemory || !ran || request.Target.KeepTag is null)
            return false;
        string[] others = [.. scope.Domain.Disks.Where(disk => disk is { Device: "disk", ReadOnly: false, SourcePath: not null } && !request.Target.Snapshots.ContainsKey(disk.Target)).Select(disk => $"'{disk.Target}'")];
        if (others.Length > 0)
            report.Warning($"The memory of '{scope.Place.Name}' is not kept with what is left: disk {string.Join(", ", others)} stays as it is, and the memory would not fit it later.");
        return others.Length == 0;
    }

    private async Task<List<TurnPlan>> PlanAsync(TurnRequest request, BlockSession session, IReadOnlyDictionary<string, ObservedLayer> seen, CancellationToken cancellation)
    {
        List<TurnPlan> plans = [];
        foreach (SessionDisk disk in session.Disks.Values)
        {
            DiskTracking tracking = scope.State.Disk(disk.Name);
            bool held = await ImageTips.HoldsAsync(disk.Path, request.Target.Snapshots[disk.Name].Id, cancellation);
            // Refused before anything is read or written.
            TurnPlan.RefuseForeign(scope.Place.Name, tracking, disk, seen[disk.Name]);
            ClosedSegments closed = await ClosedSegments.SaveAsync(scope.Store.Segments, session, tracking, seen[disk.Name], scope.Id, cancellation);
            plans.Add(TurnPlan.Make(tracking, request.Prepared.Disk(disk.Name), disk, seen[disk.Name], closed, request.Target, scope.Id, held));
        }

        return plans;
    }

    private async Task InMachineAsync(BlockSession session, ImageTurn turn, Journal journal, CancellationToken cancellation)
    {
        var steps = new MachineTurn(session.Qmp, turn, scope.Id);
        journal.Pass("prepare");
        await steps.PrepareAsync();
        await using AuthoredBitmaps full = await AuthoredBitmaps.FullAsync(session, scope.Id + "m", [.. turn.Steps.Select(step => step.NewSize)], cancellation);
        cancellation.ThrowIfCancellationRequested();
        journal.Pass("halt");
        long since = Stopwatch.GetTimestamp();
        if (turn.Ran)
            await session.Qmp.StopAsync(CancellationToken.None);
        await LeaveAsync(session, turn, journal, cancellation);
        journal.Pass("detach");
        await steps.DetachAsync();
        cancellation.ThrowIfCancellationRequested();
        journal.Pass("remove");
        await steps.RemoveAsync();
        journal.Pass("load");
        await steps.LoadAsync();
        journal.Pass("open");
        await steps.OpenAsync(full.Bitmaps, back: false);
        journal.Pass("attach");
        await steps.AttachAsync(scope.Place, reset: true);
        journal.Pass("go on");
        if (turn.Goal == VMState.Running)
            await session.Qmp.ContAsync(CancellationToken.None);
        _stood = Stopwatch.GetElapsedTime(since);
        report.Verbose($"The guest of '{scope.Place.Name}' stood still for {_stood.Value.TotalMilliseconds:0} ms.");
        journal.Pass("tidy");
        await full.DisposeAsync();
        await steps.TidyAsync();
    }

    private async Task ClosedAsync(BlockSession session, ImageTurn turn, Journal journal, CancellationToken cancellation)
    {
        await LeaveAsync(session, turn, journal, cancellation);
        cancellation.ThrowIfCancellationRequested();
        journal.Pass("remove");
        await new MachineTurn(session.Qmp, turn, scope.Id).RemoveAsync();
        await session.CloseAsync(CancellationToken.None);
        journal.Pass("load");
        await ClosedTurn.LoadAsync(turn);
        journal.Pass("open");
        await ClosedTurn.RecordAsync(scope.Place, scope.Domain, turn, scope.Id, back: false);
    }

    // What is left: both in its sidecar and in the images before any bitmap goes.
    private async Task LeaveAsync(BlockSession session, ImageTurn turn, Journal journal, CancellationToken cancellation)
    {
        journal.Pass("capture");
        IReadOnlyDictionary<string, Segment> segments = await CaptureAsync(session, turn, cancellation);
        Task sidecar = segments.Count == 0 ? Task.CompletedTask : Task.Run(() => scope.Store.Segments.Write(scope.Id, segments), CancellationToken.None);
        try
        {
            journal.Pass("keep");
            if (turn.KeepTag is { } tag)
                await ImageTips.SaveAsync(session, scope.Id, [.. turn.Steps.Select(step => step.Node)], tag, turn.KeepMemory);
        }
        finally
        {
            await sidecar;
        }
    }

    private async Task<IReadOnlyDictionary<string, Segment>> CaptureAsync(BlockSession session, ImageTurn turn, CancellationToken cancellation)
    {
        TurnStep[] recording = [.. turn.Steps.Where(step => step.Recording is not null)];
        if (recording.Length == 0)
            return new Dictionary<string, Segment>(StringComparer.Ordinal);
        string copy = ImageTurn.Copy(scope.Id);
        await session.Qmp.TransactionAsync(recording.SelectMany(step => step.CopyActions(copy)), CancellationToken.None);
        await using SessionExports exports = session.OpenExports(cancellation);
        Segment?[] read = await Task.WhenAll(recording.Select(step => SegmentCapture.ReadAsync(exports, step.Node, copy, step.OldSize, cancellation)));
        return recording.Zip(read).ToDictionary(pair => pair.First.Disk, pair => pair.Second!, StringComparer.Ordinal);
    }

    // Where that fails too the journal stays, and the next changing command does it; the failure that began it all is the one to be told.
    private async Task<MomentException?> ResolveAsync(ImageTurn turn, Exception failure)
    {
        string vm = scope.Place.Name;
        try
        {
            JournalEntry entry = Journal.Pending(scope.Place.StateDirectory).First(one => one.Id == scope.Id);
            bool finished = await TurnResolution.RunAsync(scope.Place, scope.Domain, entry, CancellationToken.None);
            scope.Store.Sweep(scope.Store.Load(_ => { }));
            if (turn.Mode == TurnMode.Memory && failure is MomentException words && words.ErrorId == QmpErrors.QmpJobFailed && Equals(words.Target, ImageTurn.LoadJob(scope.Id)))
                return ImageTipErrors.NotLoaded(
                    vm, turn.Steps[0].Tag, words.Message,
                    finished ? "The disks are back at it, but its memory is not: the machine was reset, and stands still." : "Nothing was changed; the machine goes on as it was.", words);
            if (finished)
                report.Warning($"The disks of '{vm}' are at '{turn.Steps[0].Tag}' all the same: what had begun was finished.");
        }
        catch (MomentException more)
        {
            report.Warning($"The operation could neither be finished nor undone yet: {more.Message} The next command that changes '{vm}' does it.");
        }

        return null;
    }

    private async Task<IReadOnlyList<TurnStep>> ReopeningAsync(BlockSession session, ImageTurn turn, CancellationToken cancellation)
    {
        List<TurnStep> steps = [];
        foreach (TurnStep step in turn.Steps)
        {
            (JsonObject? options, string? trouble) = await Reopening.OfAsync(scope.Domain, session, session.Disks[step.Disk], cancellation);
            if (options is null && turn.Mode == TurnMode.Exchange)
                throw ImageTipErrors.NoExchange(scope.Place.Name, step.Disk, trouble!);
            steps.Add(step with { Reopen = options });
        }

        return steps;
    }

    private static string MemoryNode(TurnRequest request, BlockSession session) =>
        session.Disks[request.Target.Snapshots.First(snapshot => snapshot.Value.VmStateSize > 0).Key].NodeName;

    private async Task StartAsync(bool paused, CancellationToken cancellation)
    {
        foreach (string warning in (await new MachineLauncher(scope.Place, scope.Domain).StartAsync(paused, null, cancellation)).Warnings)
            report.Warning(warning);
    }

    private async Task StopAsync(BlockSession session)
    {
        await session.DisposeAsync();
        foreach (string warning in await new MachineStopper(scope.Place, scope.Domain).StopAsync(force: true, TimeSpan.Zero, CancellationToken.None))
            report.Warning(warning);
    }
}
