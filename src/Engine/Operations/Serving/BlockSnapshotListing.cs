using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>Get-VMBlockSnapshot: what the records say, held against what is there now. It ends nothing, whatever it finds.</summary>
internal sealed class BlockSnapshotListing(DomainPlace place, DomainDocument domain, IOperationReport report)
{
    private static readonly State Whole = new(VMServiceState.Ready, null, null);

    public async Task<IReadOnlyList<VMBlockSnapshot>> RunAsync(CancellationToken cancellation)
    {
        var records = new ServiceRecords(place.StateDirectory);
        IReadOnlyList<BlockSnapshotRecord> all = records.Snapshots(report.Failure);
        if (all.Count == 0)
            return [];
        IReadOnlyList<BlockExportRecord> exports = records.Exports(report.Failure);
        HashSet<(string Snapshot, string Disk)> exported = [.. exports.SelectMany(export => export.Disks).Where(disk => disk.Snapshot is not null).Select(disk => (disk.Snapshot!, disk.Name))];
        IReadOnlyDictionary<(string Id, int Number), State> states = await StatesAsync([.. all.Where(record => record.Daemon is null)], cancellation);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        return [.. all.Select(record => Result(record, disk => record.Daemon is { } daemon ? OfDaemon(daemon) : states[(record.Id, disk.Number)], disk => exported.Contains((record.Name, disk.Name)), IsOrphan(record, exports, now)))];
    }

    /// <summary>One that was made just now.</summary>
    public static VMBlockSnapshot New(string vm, BlockSnapshotRecord record) => Describe(vm, record, disk => new State(VMServiceState.Ready, null, Allocated(disk)), _ => false, null);

    /// <summary>Whether its owner has ended, though it may be there.</summary>
    public static string? IsOrphan(BlockSnapshotRecord record, IEnumerable<BlockExportRecord> exports, DateTimeOffset now) => record.Owner switch
    {
        { Expires: { } end } when end <= now => $"its lease ran out {end.ToLocalTime():yyyy-MM-dd HH:mm}",
        { Kind: VMServiceOwner.Export, ExportId: { } id } when exports.All(export => export.Id != id) => "the export that it was made for is gone",
        { Kind: VMServiceOwner.Session, ProcessId: { } process } owner when owner.IsDead(now) => $"the session that it belongs to (process {process}) has ended",
        _ => null,
    };

    private VMBlockSnapshot Result(BlockSnapshotRecord record, Func<BlockSnapshotRecordDisk, State> stateOf, Func<BlockSnapshotRecordDisk, bool> isExported, string? orphan) =>
        Describe(place.Name, record, stateOf, isExported, orphan);

    private static VMBlockSnapshot Describe(
        string vm, BlockSnapshotRecord record, Func<BlockSnapshotRecordDisk, State> stateOf, Func<BlockSnapshotRecordDisk, bool> isExported, string? orphan)
    {
        (BlockSnapshotRecordDisk Disk, State State)[] disks = [.. record.Disks.Select(disk => (disk, stateOf(disk)))];
        State worst = disks.Select(disk => disk.State).OrderByDescending(state => state.Kind == VMServiceState.Ready ? 0 : state.Kind == VMServiceState.Gone ? 2 : 1).First();
        if (orphan is not null && worst.Kind != VMServiceState.Gone)
            worst = new State(VMServiceState.Expired, orphan, null);
        return new VMBlockSnapshot
        {
            VM = vm,
            Name = record.Name,
            Created = record.Created,
            State = worst.Kind,
            Reason = worst.Reason,
            Checkpoint = record.Checkpoint,
            Owner = record.Owner.Kind,
            Expires = record.Owner.Expires,
            Disks = [.. disks.Select(one => new VMBlockSnapshotDisk
            {
                Name = one.Disk.Name,
                Size = one.Disk.Size,
                ScratchPath = one.Disk.ScratchPath,
                ScratchBytes = one.State.Bytes,
                ScratchLimit = one.Disk.ScratchLimit,
                State = one.State.Kind,
                Method = one.Disk.Method,
                Exported = isExported(one.Disk),
            })],
        };
    }

    private static State OfDaemon(ServingProcess daemon) =>
        ServingDaemon.IsAlive(daemon) ? Whole : new State(VMServiceState.Gone, $"the storage daemon that held the disks (process {daemon.ProcessId}) has ended", null);

    private async Task<IReadOnlyDictionary<(string, int), State>> StatesAsync(BlockSnapshotRecord[] records, CancellationToken cancellation)
    {
        Dictionary<(string, int), State> states = [];
        if (records.Length == 0)
            return states;
        try
        {
            await LookAsync(records, states, cancellation);
        }
        catch (MomentException failure) when (failure.ErrorId == QmpErrors.QmpConnectionLost)
        {
            // It ended while it was asked.
            report.Verbose(failure.Message);
        }

        foreach (BlockSnapshotRecord record in records)
            foreach (BlockSnapshotRecordDisk disk in record.Disks)
                states.TryAdd((record.Id, disk.Number), new State(VMServiceState.Gone, "the machine has ended since, or was started anew", Allocated(disk)));
        return states;
    }

    private async Task LookAsync(BlockSnapshotRecord[] records, Dictionary<(string, int), State> states, CancellationToken cancellation)
    {
        MachineProbe machine = await MachineProbe.RunAsync(place, domain, cancellation);
        if (machine.State == VMState.Stopped)
            return;
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, [], BlockAccess.Read, cancellation);
        if (!session.IsMachine)
            return;
        var nodes = (await session.Qmp.QueryNamedBlockNodesAsync(cancellation)).ToDictionary(node => node.NodeName, StringComparer.Ordinal);
        IReadOnlyList<QmpJobInfo> jobs = await session.Jobs.QueryAsync(cancellation);
        await using SessionExports exports = session.OpenExports(cancellation);
        foreach (BlockSnapshotRecord record in records)
        {
            foreach (BlockSnapshotRecordDisk disk in record.Disks.Where(disk => nodes.ContainsKey(BlockSnapshotView.AccessNode(record, disk))))
            {
                long? bytes = nodes.GetValueOrDefault(new BlockSnapshotNodes(record.Id, disk.Number).File)?.Allocated ?? Allocated(disk);
                string? broken = await WhyBrokenAsync(exports, session.Qmp, jobs, record, disk, cancellation);
                states[(record.Id, disk.Number)] = new State(broken is null ? VMServiceState.Ready : VMServiceState.Broken, broken, bytes);
            }
        }
    }

    // Whoever reads does not hold the domain's lock: one that is just being removed is no failure of the list.
    private static async Task<string?> WhyBrokenAsync(
        SessionExports exports, QmpClient qmp, IReadOnlyList<QmpJobInfo> jobs, BlockSnapshotRecord record, BlockSnapshotRecordDisk disk, CancellationToken cancellation)
    {
        try
        {
            return await BlockSnapshotView.WhyBrokenAsync(exports, jobs, record, disk, cancellation);
        }
        catch (MomentException failure) when (failure.ErrorId != QmpErrors.QmpConnectionLost)
        {
            string view = BlockSnapshotView.AccessNode(record, disk);
            if ((await qmp.QueryNamedBlockNodesAsync(cancellation)).Any(node => node.NodeName == view))
                throw;
            return "it is being removed";
        }
    }

    private static long? Allocated(BlockSnapshotRecordDisk disk) => disk.ScratchPath is { } path ? Libc.Allocated(path) : null;

    private sealed record State(VMServiceState Kind, string? Reason, long? Bytes);
}
