using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Operations.Backups;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>
/// Start-VMBlockExport: decides, makes a block snapshot where one is needed, serves its disks on the source's private socket, and passes
/// them on where another address was asked for. All of it or nothing.
/// </summary>
internal sealed class BlockExportStart(EngineContext context)
{
    public const string Operation = "block-export-start";

    private const string What = "Start-VMBlockExport";

    public async Task<IReadOnlyList<VMBlockExport>> RunAsync(string vm, StartBlockExportRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, What, report, cancellation);
        MachineProbe machine = await MachineProbe.RunAsync(scope.Place, scope.Domain, cancellation);
        if (machine.State == VMState.Unknown)
            throw machine.Trouble!;
        BackupSelection? backup = Choose(scope.Domain, request, report);
        var records = new ServiceRecords(scope.Place.StateDirectory);
        bool runs = machine.State != VMState.Stopped;
        var known = new ExportSurroundings(scope.Domain, scope.State, runs, records.Snapshots(report.Failure), records.Exports(report.Failure), backup?.Disks);
        BlockExportPlan plan = BlockExportPlan.Make(known, request);
        if (plan.Source == ExportSource.Machine)
            await RequireServableAsync(scope, cancellation);
        string id = MomentIds.New();
        NbdAddress? wanted = plan.Private || plan.Joined is not null ? null : plan.Address ?? new UnixNbdAddress(Path.Combine(scope.Place.RuntimeDirectory, $"mt-relay-{id}"));
        // What can be seen to be wrong is refused before a block snapshot is made for it.
        if (wanted is not null)
            Relay.Check(new RelayRequest(wanted, request.TlsX509, request.TlsPsk, request.MaxConnections, []));
        var owner = ServiceOwner.From(request.OwnedBySession, request.Lease, DateTimeOffset.UtcNow);
        BlockSnapshotRecord? own = await SnapshotAsync(scope, plan, id, request, report, cancellation);
        BlockExportRecord record;
        try
        {
            await using var opening = new ExportOpening(scope, plan, known.Snapshots, own, backup);
            record = await ServeAsync(scope, plan, wanted, opening, id, owner, runs, request, backup, cancellation);
        }
        // One whose commit failed may be decided: then recovery needs it.
        catch when (own is not null && Journal.Pending(scope.Place.StateDirectory).Count == 0)
        {
            await OwnSnapshots.RemoveAsync(scope, id, report, CancellationToken.None);
            throw;
        }

        // The monitor is free again: an attached machine may have one only.
        return await BlockExportListing.OfAsync(scope.Place, scope.Domain, [record], [.. known.Exports, record], report, cancellation);
    }

    private static async Task RequireServableAsync(ChangeScope scope, CancellationToken cancellation)
    {
        await using QmpClient? machine = await MachineProbe.TryConnectAsync(scope.Place, scope.Domain, BlockAccess.Change, cancellation);
        if (machine is not null && await IoThreads.EndsWithClientsAsync(machine, cancellation))
            throw ExportErrors.IoThread(scope.Place.Name, machine.Version);
    }

    /// <summary>After a crash: takes down what it had begun. The block snapshot that was made for it belongs to nobody any more then, and goes as such.</summary>
    public static async Task UndoAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        var traces = ExportTraces.FromJson(entry.Intent);
        await using QmpClient? machine = traces is { EndsSource: false, Source: null } ? await MachineProbe.TryConnectAsync(place, domain, BlockAccess.Change, cancellation) : null;
        await BlockExportTeardown.RunAsync(place, traces, machine, cancellation);
    }

    private static BackupSelection? Choose(DomainDocument domain, StartBlockExportRequest request, IOperationReport report)
    {
        if (request.Repository is null != request.BackupId is null)
            throw ExportErrors.Mixed(request.Repository is null ? "a backup's id means nothing without its repository" : "a repository is not exported, but one backup in it: its id is missing");
        if (request.Repository is null)
            return null;
        BackupRepository repository = BackupRepository.Open(request.Repository, create: false);
        string directory = domain.Uuid is { } uuid && repository.FindDomain(uuid) is { } known ? known : repository.FindDomain(domain.Name);
        return BackupSelection.Choose(repository, directory, new RestoreBackupRequest { Repository = repository.Root, Id = request.BackupId, Destination = "", Disks = request.Disks }, report);
    }

    private async Task<BlockSnapshotRecord?> SnapshotAsync(ChangeScope scope, BlockExportPlan plan, string id, StartBlockExportRequest request, IOperationReport report, CancellationToken cancellation)
    {
        if (plan.Unseen.Count == 0)
            return null;
        var wish = new CreateBlockSnapshotRequest { Name = OwnSnapshots.NameOf(id), Disks = plan.Unseen, ScratchDirectory = request.ScratchDirectory, ScratchLimit = request.ScratchLimit };
        BlockSnapshotRecord made = await new BlockSnapshotCreation(context).RunAsync(scope, wish, ServiceOwner.Export(id), report, cancellation);
        scope.Renew();
        return made;
    }

    private static async Task<BlockExportRecord> ServeAsync(
        ChangeScope scope, BlockExportPlan plan, NbdAddress? wanted, ExportOpening opening, string id, ServiceOwner owner, bool runs, StartBlockExportRequest request, BackupSelection? backup, CancellationToken cancellation)
    {
        bool ownSource = plan.Source is ExportSource.Images or ExportSource.Backup;
        var traces = new ExportTraces(
            id, [.. plan.Disks.Select(disk => disk.Number)], plan.Daemon, ownSource, plan.Joined?.Relay, wanted is not null, (wanted as UnixNbdAddress)?.Path);
        using Journal journal = scope.BeginBeside(Operation, traces.ToJson());
        BlockExportRecord record;
        try
        {
            await opening.OpenAsync(traces.SourceId, runs, cancellation);
            journal.Pass("source");
            IReadOnlyList<ExportedNode> nodes = await opening.NodesAsync(id, cancellation);
            journal.Pass("nodes");
            NbdAddress inner = await ExportAsync(scope.Place, plan, opening, id, nodes, journal, cancellation);
            (ServingProcess? relay, NbdAddress address) = await PassOnAsync(scope.Place, plan, id, nodes, inner, wanted, request, journal, cancellation);
            record = new BlockExportRecord(
                id, DateTimeOffset.UtcNow, owner, address.ToString(), plan.Private, plan.Writable, plan.Joined is { } joined ? joined.Tls : Tls(request),
                backup?.Backup.Id, backup is null ? null : Path.GetFullPath(request.Repository!), opening.Daemon, relay,
                [.. nodes.Select(node => new BlockExportRecordDisk(
                    node.Export.Disk, node.Export.Number, node.Export.ExportName, node.Node, node.Snapshot, node.Export.Since?.Name,
                    node.ContextName is null ? null : NbdContext.DirtyBitmapPrefix + node.ContextName, node.Size))]);
            cancellation.ThrowIfCancellationRequested();
        }
        catch
        {
            traces = traces with { Source = traces.Source ?? opening.Daemon };
            await opening.CloseDaemonAsync();
            await BlockExportTeardown.RunAsync(scope.Place, traces, opening.Machine, CancellationToken.None);
            journal.End();
            throw;
        }

        // Where this fails it may be decided all the same: recovery looks at the journal.
        (string path, string content) = ServiceRecords.FileOf(record);
        journal.Commit(new FileChanges(new Dictionary<string, string?>(StringComparer.Ordinal) { [path] = content }));
        return record;
    }

    private static string? Tls(StartBlockExportRequest request) => request.TlsX509 is not null ? "x509" : request.TlsPsk is not null ? "psk" : null;

    // On the source's private socket; what is passed on bears a name there that nobody else has.
    private static async Task<NbdAddress> ExportAsync(
        DomainPlace place, BlockExportPlan plan, ExportOpening opening, string id, IReadOnlyList<ExportedNode> nodes, Journal journal, CancellationToken cancellation)
    {
        NbdAddress? address = null;
        List<(string Id, Func<Task<NbdAddress>> Add)> exports = [];
        foreach (ExportedNode node in nodes)
        {
            string export = PlannedExport.ExportId(id, node.Export.Number), name = plan.Private ? node.Export.ExportName : export;
            BitmapRef[] bitmaps = [];
            if (plan.Private && node.Dirty is { } dirty)
            {
                string carrier = PlannedExport.ContextNode(id, node.Export.Number);
                // Not cancelled: a node that was asked for may be there although nobody waited for the answer.
                await opening.Qmp.BlockdevAddAsync(new() { ["driver"] = "null-co", ["node-name"] = carrier, ["size"] = node.Size }, CancellationToken.None);
                await AuthoredContext.AddAsync(opening.Qmp, place.RuntimeDirectory, id, carrier, node.ContextName!, dirty, cancellation);
                bitmaps = [new BitmapRef(carrier, node.ContextName!)];
                journal.Pass($"context {node.Export.Number}");
            }

            exports.Add((export, () => PrivateServer.AddExportAsync(opening.Qmp, place.RuntimeDirectory, opening.Daemon?.ProcessId, export, node.Node, name, bitmaps, plan.Writable, cancellation)));
            try
            {
                address = await exports[^1].Add();
            }
            catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed && refused.Message.Contains("already has export named", StringComparison.Ordinal))
            {
                throw ExportErrors.NameTaken(name, "the NBD server of its QEMU", null, refused);
            }

            journal.Pass($"export {node.Export.Number}");
        }

        // Who only reads does not hold the domain's lock, and may have stopped the server in this moment as the last one on it.
        HashSet<string> present = [.. (await opening.Qmp.QueryBlockExportsAsync(cancellation)).Select(export => export.Id)];
        foreach ((string export, Func<Task<NbdAddress>> add) in exports)
            if (!present.Contains(export))
                address = await add();
        return address!;
    }

    private static async Task<(ServingProcess? Relay, NbdAddress Address)> PassOnAsync(
        DomainPlace place, BlockExportPlan plan, string id, IReadOnlyList<ExportedNode> nodes, NbdAddress inner, NbdAddress? wanted, StartBlockExportRequest request, Journal journal, CancellationToken cancellation)
    {
        if (plan.Private)
            return (null, inner);
        RelayExport[] exports = [.. nodes.Select(node => new RelayExport(
            PlannedExport.ExportId(id, node.Export.Number), node.Export.ExportName, inner, PlannedExport.ExportId(id, node.Export.Number), node.ContextName, node.Dirty, plan.Writable))];
        if (plan.Joined is { } joined)
        {
            await using ServingDaemon there = await ServingDaemon.FindAsync(joined.Relay!, cancellation)
                ?? throw ExportErrors.ServerDiffers(joined.Address, "the storage daemon that served it is gone (Stop-VMBlockExport clears what it left)");
            await Relay.AddAsync(there, exports, cancellation);
            journal.Pass("relay");
            return (joined.Relay, NbdAddress.Parse(joined.Address));
        }

        (ServingDaemon daemon, NbdAddress bound) = await Relay.StartAsync(place, id, new RelayRequest(wanted!, request.TlsX509, request.TlsPsk, request.MaxConnections, exports), cancellation);
        await using (daemon)
        {
            journal.Pass("relay");
            return (daemon.Process, bound);
        }
    }
}
