using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Layers;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// Lets the disks of a machine that stands on a repository take over what they read from there, while it runs or not. Each disk is moved as a
/// pull of layers is (<see cref="LayerPull"/>): what the layer names as its backing file tells how far it came, and until that has changed the
/// machine reads as before. So a move that was interrupted is just begun again.
/// </summary>
internal sealed class InstantMove(EngineContext context)
{
    /// <summary>Moves all disks that stand on the repository.</summary>
    /// <param name="name">The machine that runs on the backup.</param>
    /// <param name="repository">What it is to stand on no longer.</param>
    /// <returns>Of each moved disk its name, its layer that stood on the repository, and its size in bytes.</returns>
    public async Task<IReadOnlyList<VMRestoredDisk>> RunAsync(string name, BackupRepository repository, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, name, "Restore-VMBackup", report, cancellation);
        List<VMRestoredDisk> moved = [];
        foreach (DomainDisk disk in scope.Domain.Disks.Where(disk => disk is { SourcePath: not null, ReadOnly: false }))
        {
            IReadOnlyList<ImageLayer> chain = await DiskChain.ResolveAsync(name, disk, readOnly: true, cancellation);
            ImageLayer[] above = [.. chain.TakeWhile(layer => !IsIn(repository.Root, layer.Path))];
            if (above.Length == 0)
                throw InstantErrors.Incomplete(name, $"its disk '{disk.Target}' is the backup's own file '{chain[0].Path}'", "Restore the backup to new files.");
            if (above.Length == chain.Count)
            {
                await CloseLeftAsync(scope, disk.Target, chain[0].Path, repository, cancellation);
                continue;
            }

            try
            {
                await MoveAsync(scope, disk, above[^1].Path, [.. chain.Skip(above.Length).Select(layer => layer.Path)], repository, report, cancellation);
            }
            catch (OperationCanceledException)
            {
                report.Warning($"'{name}' is not moved: it still needs the backup, and goes on as before. Restore-VMBackup -Repository {repository.Root} -AsDomain {name} -Move moves it.");
                throw;
            }

            string backup = Path.GetFileName(Path.GetDirectoryName(chain[above.Length].Path))!;
            Qcow2Header header = await DiskChain.HeaderAsync(above[^1].Path, CancellationToken.None);
            moved.Add(new VMRestoredDisk { VM = name, BackupId = backup, Disk = disk.Target, Path = above[^1].Path, Format = "qcow2", Size = header.Size, Domain = name });
        }

        if (moved.Count == 0)
            report.Verbose($"No disk of '{name}' stands on the repository '{repository.Root}': there is nothing to move.");
        return moved;
    }

    private static async Task MoveAsync(
        ChangeScope scope, DomainDisk disk, string path, IReadOnlyList<string> below, BackupRepository repository, IOperationReport report, CancellationToken cancellation)
    {
        DiskTracking tracking = scope.State.Disk(disk.Target);
        TrackingLayer? known = tracking.Layers.Values.FirstOrDefault(layer => layer.Path == path);
        var layer = known ?? new TrackingLayer("", path, null);
        await using LayerSession layers = await LayerSession.TryMachineAsync(scope, disk.Target, path, cancellation)
            ?? await LayerSession.OverDaemonAsync(scope, disk.Target, layer, BlockAccess.Change, cancellation);
        if (known is { FrozenTop: not null })
            LayerThaw.Run(scope, tracking, null, [known]);
        DomainMoments next = known is null ? scope.State : scope.State.With(Standing(scope.State.Disk(disk.Target), known.Id, below));
        using Journal journal = await LayerPull.StreamAsync(
            scope, layers, path, backing: null, next, new MoveProgress(scope.Place.Name, disk.Target, report),
            refused => InstantErrors.MoveFailed(scope.Place.Name, disk.Target, path, repository.Root, refused), cancellation);
        if (layers.IsLive)
            await CloseAsync(layers.Session.Qmp, repository);
        await layers.Session.CloseAsync(CancellationToken.None);
        DurableFile.FlushFile(path);
        scope.Commit(journal, next);
        await LayerThaw.RestoreAsync(scope, disk.Target, cancellation);
    }

    // One whose move was interrupted at its end: the repository's files are beneath it no more, and still open.
    private static async Task CloseLeftAsync(ChangeScope scope, string disk, string path, BackupRepository repository, CancellationToken cancellation)
    {
        await using LayerSession? live = await LayerSession.TryMachineAsync(scope, disk, path, cancellation);
        if (live is not null)
            await CloseAsync(live.Session.Qmp, repository);
    }

    // QEMU would else keep the repository's files open, and locked, until it ends. What a disk still stands on it does not close.
    private static async Task CloseAsync(QmpClient qmp, BackupRepository repository)
    {
        QmpBlockNode[] open = [.. (await qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).Where(node => node.Driver == "qcow2" && NodeFile.Of(node.File) is { } file && File.Exists(file) && IsIn(repository.Root, file))];
        foreach (QmpBlockNode node in open.OrderBy(node => node.NodeName.Length).ThenBy(node => node.NodeName, StringComparer.Ordinal))
            await ChainNodes.CloseAsync(qmp, node.NodeName);
    }

    // The tree without the repository's files, which are beneath it no more.
    private static DiskTracking Standing(DiskTracking tracking, string layerId, IReadOnlyList<string> below)
    {
        HashSet<string> gone = [.. below];
        DiskTracking next = tracking.Layers.Values.Where(layer => gone.Contains(layer.Path)).Aggregate(tracking, (tree, layer) => tree.Forgotten(layer.Id));
        TrackingLayer layer = next.Layers[layerId];
        return next.WithLayer(layer with { BackingId = null, Facts = layer.Facts is { } facts ? facts with { BackingFile = null, BackingFormat = null } : null });
    }

    private static bool IsIn(string root, string path) => BackingName.Real(path).StartsWith(BackingName.Real(root).TrimEnd('/') + "/", StringComparison.Ordinal);

    private sealed class MoveProgress(string vm, string disk, IOperationReport report) : IProgress<JobProgress>
    {
        public void Report(JobProgress value) =>
            report.Progress(new OperationProgress($"Moving {vm} off the backup", disk, value.Done, value.Total));
    }
}
