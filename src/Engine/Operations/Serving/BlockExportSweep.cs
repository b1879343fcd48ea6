using MomentTools.Errors;

namespace MomentTools.Operations.Serving;

/// <summary>
/// Before a changing command does anything: takes down the exports whose lease ran out or whose session has ended, and what is left of those
/// whose machine or storage daemon is gone.
/// </summary>
internal static class BlockExportSweep
{
    /// <param name="scope">The domain, with all its moments.</param>
    /// <param name="report">Told of each that was taken down.</param>
    /// <param name="cancellation">Stops it between two of them.</param>
    public static async Task RunAsync(ChangeScope scope, IOperationReport report, CancellationToken cancellation)
    {
        List<BlockExportRecord> all = [.. new ServiceRecords(scope.Place.StateDirectory).Exports(report.Failure)];
        if (all.Count == 0)
            return;
        ExportState states = await ExportState.LookAsync(scope.Place, scope.Domain, all, [], cancellation);
        foreach (BlockExportRecord record in all.ToArray())
        {
            // Where one of several is gone the others are still of use.
            string? why = ExportState.Orphan(record, DateTimeOffset.UtcNow) ?? (record.Disks.All(disk => states.Missing(record, disk) is not null) ? states.Missing(record, record.Disks[0]) : null);
            if (why is null)
                continue;
            cancellation.ThrowIfCancellationRequested();
            string what = $"the export of {string.Join(", ", record.Disks.Select(disk => disk.Name))} of '{scope.Place.Name}' at {record.Address}";
            try
            {
                await BlockExportStop.RunAsync(scope, record, record.Disks, all, report);
                report.Warning($"Ended {what}: {why}.");
            }
            catch (MomentException failure)
            {
                // It must not keep the machine from being worked on; it stays, and is shown.
                report.Warning($"Could not end {what}, though {why}: {failure.Message}");
            }
        }
    }
}
