using System.Diagnostics;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// Gives a machine other images, as one change with its metadata: one that is stopped by its definition alone, one that runs by an exchange
/// under its devices and a reset, and where a memory is loaded, or a device keeps its image, by a new start of QEMU. Until it is decided
/// the old images are the machine's, and everything can be taken back.
/// </summary>
internal sealed class DiskSwitch : IAsyncDisposable
{
    private readonly ChangeScope _scope;
    private readonly IOperationReport _report;
    private readonly QmpStatus? _status;

    private DiskSwitch(ChangeScope scope, BlockSession session, QmpStatus? status, IOperationReport report)
    {
        _scope = scope;
        _status = status;
        _report = report;
        Session = session;
    }

    /// <summary>The line to whoever has the disks as they are now.</summary>
    public BlockSession Session { get; }

    /// <summary>Whether the decision was begun.</summary>
    public bool Deciding { get; private set; }

    // The machine may have the new images, or its guest is in a file that was made: what was made must not go.
    private bool _unsettled;

    /// <summary>Whether the guest runs now.</summary>
    public bool Runs => _status?.Running == true;

    private string Vm => _scope.Place.Name;

    /// <summary>Opens the disks as they are, and refuses where somebody else uses them; nothing is changed.</summary>
    /// <param name="scope">The machine.</param>
    /// <param name="disks">The disks that get other images.</param>
    /// <param name="doing">What is done, as the rest of "Cannot …".</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<DiskSwitch> OpenAsync(ChangeScope scope, IReadOnlyCollection<string> disks, string doing, IOperationReport report, CancellationToken cancellation)
    {
        ServedDisks.Of(scope.Place).Refuse(disks, doing);
        BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, disks, BlockAccess.Change, cancellation);
        try
        {
            QmpStatus? status = null;
            if (session.IsMachine)
            {
                await BusyDisks.RefuseAsync(scope.Place, session, doing, cancellation);
                status = await session.Qmp.QueryStatusAsync(cancellation);
            }

            return new DiskSwitch(scope, session, status, report);
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Does it. Where it fails, the machine is on its old images again, and what its journal says was made is gone.</summary>
    /// <param name="journal">The operation: its intent names the files that were made (<see cref="MadeFile"/>).</param>
    /// <param name="plan">What is to be.</param>
    /// <param name="cancellation">Stops it until the machine is touched.</param>
    public async Task RunAsync(Journal journal, SwitchPlan plan, CancellationToken cancellation)
    {
        FileChanges changes = Changes(plan);
        journal.Reserve(changes);
        bool stays = plan is { Memory: null, KeepMemory: null } && plan.Power != MachinePower.Stopped;
        if (Session.IsMachine && stays)
        {
            try
            {
                await ExchangeAsync(journal, plan, changes, cancellation);
                return;
            }
            catch (MomentException refused) when (refused.ErrorId == DiskErrors.DiskNotExchangeable && _scope.Domain.Monitor is null)
            {
                _report.Warning($"{refused.Message} QEMU of '{Vm}' is started anew instead.");
            }
        }

        if (Session.IsMachine)
            OwnerCheck.RefuseRestart(_scope.Domain, $"switch the disks of '{Vm}'");
        var restart = new MachineRestart(_scope, Session, _status, _report);
        try
        {
            await restart.RunAsync(journal, plan, changes, cancellation);
        }
        finally
        {
            Deciding = restart.Deciding;
            _unsettled = restart.Unsettled;
        }
    }

    /// <summary>
    /// Takes back what a failed operation made and ends its journal. Where that fails too, or it may have been decided, or the machine may
    /// still have it, the journal stays, and the next changing command sees to it.
    /// </summary>
    /// <param name="journal">The operation.</param>
    /// <param name="made">The files that it made.</param>
    /// <param name="since">When it was begun.</param>
    public async Task UndoAsync(Journal journal, IReadOnlyList<MadeFile> made, DateTimeOffset since)
    {
        if (Deciding || _unsettled)
            return;
        await Session.DisposeAsync();
        await WayBack.TryAsync(Vm, _report, async () =>
        {
            foreach (MadeFile file in made)
                await file.RemoveAsync(since, CancellationToken.None);
            journal.End();
        });
    }

    public ValueTask DisposeAsync() => Session.DisposeAsync();

    /// <summary>All that is written when it is decided.</summary>
    private FileChanges Changes(SwitchPlan plan) => new(new Dictionary<string, string?>(_scope.ChangesTo(plan.Next).Files, StringComparer.Ordinal)
    {
        [DomainCatalogue.DocumentName] = plan.Definition.ToXml(secure: true),
    });

    private async Task ExchangeAsync(Journal journal, SwitchPlan plan, FileChanges changes, CancellationToken cancellation)
    {
        QmpClient qmp = Session.Qmp;
        string prefix = MomentIds.BitmapPrefix + _scope.Id;
        bool run = plan.Power switch { MachinePower.Running => true, MachinePower.Paused => false, _ => Runs };
        IReadOnlyDictionary<string, DriverOptions> options = await OverlayNode.OptionsAsync(Session, _scope.Domain, cancellation);
        DiskExchange exchange = await DiskExchange.PrepareAsync(
            qmp, Vm, prefix, [.. Session.Disks.Values.Select(disk => (_scope.Domain.FindDisk(disk.Name)!, plan.Definition.FindDisk(disk.Name)!, disk.QomPath!, (DriverOptions?)options[disk.Name]))], cancellation);
        journal.Extend(new JsonObject { ["kind"] = SwitchRecovery.Exchange, ["disks"] = new JsonArray([.. exchange.Disks.Select(disk => (JsonNode)disk.ToJson())]), ["commit"] = changes.ToJson() });
        Journal? hold = null;
        long since = 0;
        try
        {
            journal.Pass("open");
            await exchange.OpenAsync(cancellation);
            hold = HeldMachine.Begin(_scope, run, exchange.Disks);
            // From here on nothing is cancelled: the guest waits.
            hold.Pass("stop");
            since = Stopwatch.GetTimestamp();
            if (Runs)
                await qmp.StopAsync(CancellationToken.None);
            journal.Pass("exchange");
            _unsettled = true;
            await exchange.SwapAsync();
            journal.Pass("reset");
            await MachineReset.RunAsync(qmp, EndsAtReset(), CancellationToken.None);
            journal.Pass("decide");
            Deciding = true;
            _scope.Commit(journal, plan.Next, (DomainCatalogue.DocumentName, changes.Files[DomainCatalogue.DocumentName]!));
        }
        catch when (!Deciding)
        {
            await TakeBackAsync(exchange, prefix, hold);
            _unsettled = false;
            hold?.Dispose();
            throw;
        }

        using (hold)
        {
            hold.Pass("go on");
            if (run && !(await qmp.QueryStatusAsync(CancellationToken.None)).Running)
                await qmp.ContAsync(CancellationToken.None);
            if (Runs)
                _report.Verbose($"The guest of '{Vm}' stood still for {Stopwatch.GetElapsedTime(since).TotalMilliseconds:0} ms.");
            hold.Pass("close");
            await DiskExchange.CloseOldAsync(qmp, exchange.Disks);
            await Session.CloseAsync(CancellationToken.None);
            hold.End();
        }
    }

    // Where this fails too, the journals stay, and the next changing command takes it back.
    private async Task TakeBackAsync(DiskExchange exchange, string prefix, Journal? hold)
    {
        if (Session.Qmp.Closed.IsCompleted)
        {
            hold?.End();
            return;
        }

        await DiskExchange.SetAsync(Session.Qmp, exchange.Disks.Select(disk => (disk, disk.OldNode)));
        await DiskExchange.CloseNewAsync(Session.Qmp, prefix);
        if (Runs && !(await Session.Qmp.QueryStatusAsync(CancellationToken.None)).Running)
            await Session.Qmp.ContAsync(CancellationToken.None);
        hold?.End();
    }

    // Who started the machine may have told its QEMU to end where others reset.
    private bool EndsAtReset()
    {
        IEnumerable<HostProcess> processes = MachineProbe.ProcessOf(_scope.Place) is { } own ? [own]
            : _scope.Domain.Monitor is null ? [] : ImageHolders.Processes(Session.Disks.Values.First().Path);
        return processes.Any(MachineReset.EndsAtReset);
    }
}
