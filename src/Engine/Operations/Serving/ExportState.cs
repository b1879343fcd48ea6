using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>Which exports are there, as the processes that serve them say.</summary>
internal sealed class ExportState
{
    // Null: it runs and did not answer, which says nothing of its exports.
    private readonly Dictionary<ServingProcess, HashSet<string>?> _daemons = [];
    private readonly IReadOnlyList<VMBlockSnapshot> _snapshots;
    private HashSet<string>? _machine = [];

    private ExportState(IReadOnlyList<VMBlockSnapshot> snapshots) => _snapshots = snapshots;

    /// <summary>Asks whoever serves these exports; nothing is changed.</summary>
    public static async Task<ExportState> LookAsync(
        DomainPlace place, DomainDocument domain, IReadOnlyList<BlockExportRecord> records, IReadOnlyList<VMBlockSnapshot> snapshots, CancellationToken cancellation)
    {
        var state = new ExportState(snapshots);
        if (records.Any(record => record.Source is null))
            state._machine = await MachineAsync(place, domain, cancellation);
        foreach (ServingProcess daemon in records.SelectMany(record => new[] { record.Source, record.Relay }).OfType<ServingProcess>().Distinct())
            state._daemons[daemon] = await AnswerAsync(() => DaemonAsync(daemon, cancellation), () => ServingDaemon.IsAlive(daemon));
        return state;
    }

    /// <summary>Whether an export can be read, and why not.</summary>
    public (VMServiceState State, string? Reason) Of(BlockExportRecord record, BlockExportRecordDisk disk)
    {
        if (Missing(record, disk) is { } why)
            return (VMServiceState.Gone, why);
        if (Orphan(record, DateTimeOffset.UtcNow) is { } orphan)
            return (VMServiceState.Expired, orphan);
        return _snapshots.FirstOrDefault(one => one.Name == disk.Snapshot) is { State: VMServiceState.Broken } broken
            && broken.Disks.FirstOrDefault(one => one.Name == disk.Name) is { State: VMServiceState.Broken }
            ? (VMServiceState.Broken, broken.Reason) : (VMServiceState.Ready, null);
    }

    /// <summary>Why nothing serves an export any more, or null.</summary>
    public string? Missing(BlockExportRecord record, BlockExportRecordDisk disk)
    {
        string export = PlannedExport.ExportId(record.Id, disk.Number);
        if (record.Source is { } source && _daemons[source]?.Contains(export) == false)
            return ServingDaemon.IsAlive(source) ? "the storage daemon that holds the disk does not serve it any more" : $"the storage daemon that held the disk (process {source.ProcessId}) has ended";
        if (record.Source is null && _machine?.Contains(export) == false)
            return "the machine has ended since, or somebody ended its export";
        if (record.Relay is { } relay && _daemons[relay]?.Contains(export) == false)
            return ServingDaemon.IsAlive(relay) ? "the storage daemon that passes it on does not serve it any more" : $"the storage daemon that passed it on (process {relay.ProcessId}) has ended";
        return null;
    }

    /// <summary>Why nobody is there any more for whom exports are, or null.</summary>
    public static string? Orphan(BlockExportRecord record, DateTimeOffset now) => record.Owner switch
    {
        { Expires: { } end } when end <= now => $"its lease ran out {end.ToLocalTime():yyyy-MM-dd HH:mm}",
        { Kind: VMServiceOwner.Session, ProcessId: { } process } owner when owner.IsDead(now) => $"the session that it belongs to (process {process}) has ended",
        _ => null,
    };

    private static async Task<HashSet<string>?> MachineAsync(DomainPlace place, DomainDocument domain, CancellationToken cancellation)
    {
        MachineProbe machine = MachineProbe.Find(place, domain);
        return machine.SecondMonitor is { } monitor ? await AnswerAsync(() => MachineAsync(monitor, cancellation), () => machine.Process is { IsAlive: true }) : [];
    }

    private static async Task<HashSet<string>> MachineAsync(QmpAddress monitor, CancellationToken cancellation)
    {
        await using QmpClient qmp = await QmpClient.ConnectAsync(monitor, cancellation);
        return await ServedAsync(qmp, cancellation);
    }

    private static async Task<HashSet<string>> DaemonAsync(ServingProcess daemon, CancellationToken cancellation)
    {
        await using ServingDaemon? found = await ServingDaemon.FindAsync(daemon, cancellation, BlockAccess.Read);
        return found is null ? [] : await ServedAsync(found.Qmp, cancellation);
    }

    // One that hangs, or whose monitor somebody holds, must not keep the machine from being worked on.
    private static async Task<HashSet<string>?> AnswerAsync(Func<Task<HashSet<string>>> ask, Func<bool> isAlive)
    {
        try
        {
            return await ask();
        }
        catch (MomentException failure) when (failure.Kind is ErrorKind.Connection or ErrorKind.Busy or ErrorKind.Timeout)
        {
            return failure.Kind != ErrorKind.Connection || isAlive() ? null : [];
        }
    }

    private static async Task<HashSet<string>> ServedAsync(QmpClient qmp, CancellationToken cancellation) =>
        [.. (await qmp.QueryBlockExportsAsync(cancellation)).Where(export => !export.ShuttingDown).Select(export => export.Id)];
}
