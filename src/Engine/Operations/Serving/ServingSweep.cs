using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations.Serving;

/// <summary>
/// Before a changing command does anything: takes down the exports and block snapshots whose owner has ended (a lease that ran out, a session or an
/// export that is gone), and what is left of those whose machine or storage daemon is. Where there are none, it reads two directories.
/// </summary>
internal static class ServingSweep
{
    /// <param name="scope">The domain, with all its moments.</param>
    /// <param name="report">Told of each that was taken down.</param>
    /// <param name="cancellation">Stops it between two of them.</param>
    public static async Task RunAsync(ChangeScope scope, IOperationReport report, CancellationToken cancellation)
    {
        // First: a block snapshot that was made for an export goes with it.
        await BlockExportSweep.RunAsync(scope, report, cancellation);
        var records = new ServiceRecords(scope.Place.StateDirectory);
        IReadOnlyList<BlockSnapshotRecord> snapshots = records.Snapshots(report.Failure);
        if (snapshots.Count == 0)
            return;
        try
        {
            await using QmpClient? machine = snapshots.Any(record => record.Daemon is null) ? await MachineProbe.TryConnectAsync(scope.Place, scope.Domain, BlockAccess.Change, cancellation) : null;
            HashSet<string> nodes = machine is null ? [] : [.. (await machine.QueryNamedBlockNodesAsync(cancellation)).Select(node => node.NodeName)];
            await RunAsync(scope, snapshots, records.Exports(report.Failure), machine, nodes, report, cancellation);
        }
        catch (MomentException failure) when (failure.Kind is ErrorKind.Connection or ErrorKind.Busy or ErrorKind.Timeout or ErrorKind.AccessDenied)
        {
            // Who needs the machine's monitor is told by what he wants of it.
            report.Verbose($"Whether block snapshots of '{scope.Place.Name}' have to be ended could not be looked at: {failure.Message}");
        }
    }

    private static async Task RunAsync(
        ChangeScope scope, IReadOnlyList<BlockSnapshotRecord> snapshots, IReadOnlyList<BlockExportRecord> exports, QmpClient? machine, HashSet<string> nodes,
        IOperationReport report, CancellationToken cancellation)
    {
        List<BlockSnapshotRecord> all = [.. snapshots];
        foreach (BlockSnapshotRecord record in snapshots)
        {
            if (Why(record, exports, nodes) is not { } why)
                continue;
            try
            {
                await BlockSnapshotRemoval.RunAsync(scope, record, all, machine, report, cancellation);
                all.Remove(record);
                report.Warning($"Removed block snapshot '{record.Name}' of '{scope.Place.Name}': {why}.");
            }
            catch (MomentException failure)
            {
                // It must not keep the machine from being worked on; it stays, and is shown.
                report.Warning($"Block snapshot '{record.Name}' of '{scope.Place.Name}' could not be removed, though {why}: {failure.Message}");
            }
        }
    }

    private static string? Why(BlockSnapshotRecord record, IReadOnlyList<BlockExportRecord> exports, HashSet<string> nodes) =>
        BlockSnapshotListing.IsOrphan(record, exports, DateTimeOffset.UtcNow)
        ?? (record.Daemon is { } daemon
            ? Machines.Serving.ServingDaemon.IsAlive(daemon) ? null : "the storage daemon that held the disks has ended"
            : record.Disks.Any(disk => nodes.Contains(BlockSnapshotView.AccessNode(record, disk))) ? null : "the machine has ended since, or was started anew");
}
