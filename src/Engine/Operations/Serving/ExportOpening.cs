using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Operations.Backups;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>The source of exports, opened: the nodes that are to be served, and what changed on them.</summary>
/// <param name="scope">The domain, held for the change.</param>
/// <param name="plan">What is to be served.</param>
/// <param name="snapshots">The machine's block snapshots, with the one that was made for the exports.</param>
/// <param name="own">That one, or null.</param>
/// <param name="backup">The backup, or null.</param>
internal sealed class ExportOpening(ChangeScope scope, BlockExportPlan plan, IReadOnlyList<BlockSnapshotRecord> snapshots, BlockSnapshotRecord? own, BackupSelection? backup) : IAsyncDisposable
{
    private BlockSession? _machine;
    private ServingDaemon? _daemon;

    /// <summary>The line to the process that has the disks.</summary>
    public QmpClient Qmp => _daemon?.Qmp ?? _machine!.Qmp;

    /// <summary>The line to the machine's QEMU, or null: it is not open.</summary>
    public QmpClient? Machine => _machine?.Qmp;

    /// <summary>That process where it is a storage daemon; null: the machine's QEMU.</summary>
    public ServingProcess? Daemon => _daemon?.Process;

    /// <summary>Finds the source, or starts it.</summary>
    /// <param name="sourceId">The id of a storage daemon that has to be started.</param>
    /// <param name="runs">Whether the machine runs.</param>
    /// <param name="cancellation">Stops the start.</param>
    public async Task OpenAsync(string sourceId, bool runs, CancellationToken cancellation)
    {
        if (runs)
        {
            string[] disks = [.. plan.Disks.Select(disk => disk.Disk).Where(disk => scope.Domain.FindDisk(disk) is { SourcePath: not null })];
            _machine = await BlockSession.OpenAsync(scope.Place, scope.Domain, disks, BlockAccess.Change, cancellation);
        }

        if (plan.Source == ExportSource.SnapshotDaemon)
        {
            string name = plan.Disks[0].Snapshot!;
            _daemon = await ServingDaemon.FindAsync(plan.Daemon!, cancellation) ?? throw ExportErrors.SnapshotGone(name, "the storage daemon that holds its disks is gone");
        }
        else if (plan.Source is ExportSource.Images or ExportSource.Backup)
        {
            _daemon = await ServingDaemon.StartAsync(scope.Place.RuntimeDirectory, sourceId, cancellation);
        }
    }

    /// <summary>Opens what is to be served, where it is not open yet, and finds out what changed on it.</summary>
    public async Task<IReadOnlyList<ExportedNode>> NodesAsync(string id, CancellationToken cancellation) => plan.Source switch
    {
        ExportSource.Images => await ImagesAsync(cancellation),
        ExportSource.Backup => await BackupAsync(id, cancellation),
        _ => await SnapshotsAsync(cancellation),
    };

    /// <summary>Closes the line to a storage daemon: its monitor takes one client at a time.</summary>
    public async Task CloseDaemonAsync()
    {
        if (_daemon is not null)
            await _daemon.DisposeAsync();
        _daemon = null;
    }

    public async ValueTask DisposeAsync()
    {
        await CloseDaemonAsync();
        if (_machine is not null)
            await _machine.DisposeAsync();
    }

    private async Task<IReadOnlyList<ExportedNode>> SnapshotsAsync(CancellationToken cancellation)
    {
        var changes = new SnapshotChanges(scope.Place, scope.Domain, scope.State, _machine);
        List<ExportedNode> nodes = [];
        foreach (PlannedExport export in plan.Disks)
        {
            BlockSnapshotRecord record = export.Snapshot is null ? own! : snapshots.First(one => one.Name == export.Snapshot);
            BlockSnapshotRecordDisk disk = record.Disks.First(one => one.Name == export.Disk);
            ExtentMap? dirty = export.Since is null ? null
                : await changes.SinceAsync(new ServedInstant(record.Name, disk.Name, disk.Size, disk.Point, disk.Node, disk.Copy, disk.CopySidecar, disk.Doubt), export.Since, cancellation);
            nodes.Add(new ExportedNode(export, BlockSnapshotView.AccessNode(record, disk), disk.Size, record.Name, dirty));
        }

        return nodes;
    }

    // Opened first: while it holds the images nobody writes to them, and what changed until now is what changed until what is served.
    private async Task<IReadOnlyList<ExportedNode>> ImagesAsync(CancellationToken cancellation)
    {
        List<(DomainDisk, IReadOnlyList<ImageLayer>)> chains = [];
        foreach (PlannedExport export in plan.Disks)
        {
            DomainDisk disk = scope.Domain.FindDisk(export.Disk)!;
            chains.Add((disk, await DiskChain.ResolveAsync(scope.Domain.Name, disk, readOnly: !plan.Writable, cancellation)));
        }

        IReadOnlyDictionary<string, SessionDisk> open = await new DaemonDisks(Qmp, scope.Domain.Name).OpenAsync(chains, cancellation);
        List<ExportedNode> nodes = [];
        foreach (PlannedExport export in plan.Disks)
        {
            ExtentMap? dirty = null;
            if (export.Since is { } since)
            {
                ChangeQuestion question = ChangeQuestion.Make(scope.Domain, scope.State, since.ToString(), null, [export.Disk]);
                dirty = (await ChangedBlocks.AskAsync(scope.Place, question, withKinds: false, cancellation))[0].Blocks;
            }

            nodes.Add(new ExportedNode(export, open[export.Disk].NodeName, open[export.Disk].VirtualSize, null, dirty));
        }

        return nodes;
    }

    // The chain is the manifests', and each file must be what they say: no image chooses what is opened.
    private async Task<IReadOnlyList<ExportedNode>> BackupAsync(string id, CancellationToken cancellation)
    {
        var changes = new SnapshotChanges(scope.Place, scope.Domain, scope.State, _machine);
        List<ExportedNode> nodes = [];
        foreach (PlannedExport export in plan.Disks)
        {
            BackupChain chain = backup!.Chains.First(one => one.Top.Disk.Name == export.Disk);
            foreach (BackupChain.Link link in chain.Links)
                await BackupImage.CheckAsync(link.Path, link.Disk.VirtualSize, link.BackingName, cancellation);
            IReadOnlyList<ImageLayer> layers = chain.Layers(PlannedExport.ImageNodes(id, export.Number));
            foreach (JsonObject layer in BlockdevOptions.ForEachLayer(layers))
                await OpenAsync(layer, export.Disk, cancellation);
            BackupManifestDisk disk = chain.Top.Disk;
            ExtentMap? dirty = export.Since is null ? null
                : await changes.SinceAsync(new ServedInstant(backup.Backup.Id, export.Disk, disk.VirtualSize, disk.PointId, null, null, null, null), export.Since, cancellation);
            nodes.Add(new ExportedNode(export, layers[0].NodeName, disk.VirtualSize, null, dirty));
        }

        return nodes;
    }

    private async Task OpenAsync(JsonObject layer, string disk, CancellationToken cancellation)
    {
        try
        {
            await Qmp.BlockdevAddAsync(layer, cancellation);
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            throw DiskErrors.OpenFailed(scope.Domain.Name, disk, (string)layer["file"]!["filename"]!, refused);
        }
    }
}
