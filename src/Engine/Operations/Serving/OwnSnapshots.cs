using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations.Serving;

/// <summary>Block snapshots that an export made for itself: they go with it.</summary>
internal static class OwnSnapshots
{
    public static string NameOf(string exportId) => $"export-{exportId}";

    /// <summary>Removes what an export made for itself, if it did.</summary>
    /// <param name="scope">The domain, with all its moments.</param>
    /// <param name="exportId">The export, which does not use it any more.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops it before it begins.</param>
    public static async Task RemoveAsync(ChangeScope scope, string exportId, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<BlockSnapshotRecord> all = new ServiceRecords(scope.Place.StateDirectory).Snapshots(report.Failure);
        foreach (BlockSnapshotRecord record in all.Where(record => record.Owner.ExportId == exportId))
        {
            await using QmpClient? machine = record.Daemon is null ? await MachineProbe.TryConnectAsync(scope.Place, scope.Domain, BlockAccess.Change, cancellation) : null;
            await BlockSnapshotRemoval.RunAsync(scope, record, all, machine, report, cancellation);
        }
    }
}
