using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>
/// Remove-VMBlockSnapshot, and the end of those whose owner is gone. Steps: intent, with the whole change of the metadata; all that it has in
/// QEMU, and its scratch files; the record and the pins. It is only ever finished, never undone: each of its steps can be done again.
/// </summary>
internal static class BlockSnapshotRemoval
{
    public const string Operation = "block-snapshot-remove";

    /// <summary>Removes one by its name, as a user wants it.</summary>
    public static async Task RunAsync(ChangeScope scope, string name, IOperationReport report, CancellationToken cancellation)
    {
        var records = new ServiceRecords(scope.Place.StateDirectory);
        IReadOnlyList<BlockSnapshotRecord> all = records.Snapshots(report.Failure);
        BlockSnapshotRecord record = all.FirstOrDefault(record => record.Name == name) ?? throw ServingErrors.NotFound(scope.Place.Name, name, records.SnapshotNames);
        foreach (BlockExportRecord export in records.Exports(report.Failure))
            if (export.Disks.FirstOrDefault(disk => disk.Snapshot == name) is { } served)
                throw BlockSnapshotErrors.Exported(scope.Place.Name, name, served.ExportName, export.Address);
        await using QmpClient? machine = record.Daemon is null ? await MachineProbe.TryConnectAsync(scope.Place, scope.Domain, BlockAccess.Change, cancellation) : null;
        await RunAsync(scope, record, all, machine, report, cancellation);
    }

    /// <summary>Takes one down.</summary>
    /// <param name="scope">The domain, with all its moments.</param>
    /// <param name="record">The block snapshot.</param>
    /// <param name="all">All of the domain.</param>
    /// <param name="machine">The machine's QEMU, or null.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops it before it begins.</param>
    public static async Task RunAsync(
        ChangeScope scope, BlockSnapshotRecord record, IEnumerable<BlockSnapshotRecord> all, QmpClient? machine, IOperationReport report, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        DomainMoments next = BlockSnapshotTeardown.Unpin(scope.State, record, all);
        var files = new Dictionary<string, string?>(scope.ChangesTo(next).Files, StringComparer.Ordinal) { [ServiceRecords.PathOf(record)] = null };
        scope.Renew();
        using Journal journal = scope.Begin(Operation, new JsonObject { ["record"] = ServiceRecords.PathOf(record), ["commit"] = new FileChanges(files).ToJson() }, next);
        try
        {
            journal.Pass("teardown");
            Tell(record, await BlockSnapshotTeardown.RunAsync(scope.Place, record, machine, CancellationToken.None), report);
        }
        catch (MomentException)
        {
            // The record is still there: what is left of it can be removed when what stands in the way is gone.
            journal.End();
            throw;
        }

        scope.Commit(journal, next, (ServiceRecords.PathOf(record), null));
    }

    /// <summary>After a crash: finishes it. Where QEMU refuses, the record stays, and with it the way to remove it.</summary>
    /// <returns>Whether it was finished.</returns>
    public static async Task<bool> ResolveAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, IOperationReport report, CancellationToken cancellation)
    {
        string path = (string)entry.Intent["record"]!;
        BlockSnapshotRecord? record = new ServiceRecords(place.StateDirectory).Snapshots(report.Failure).FirstOrDefault(record => ServiceRecords.PathOf(record) == path);
        try
        {
            if (record is not null)
            {
                await using QmpClient? machine = record.Daemon is null ? await MachineProbe.TryConnectAsync(place, domain, BlockAccess.Change, cancellation) : null;
                Tell(record, await BlockSnapshotTeardown.RunAsync(place, record, machine, CancellationToken.None), report);
            }

            Journal.Redo(place.StateDirectory, entry.AsIntended());
            return true;
        }
        catch (MomentException failure) when (failure.ErrorId == QmpErrors.QmpCommandFailed)
        {
            report.Warning($"Block snapshot '{record!.Name}' of '{place.Name}' could not be removed yet: {failure.Message} Remove-VMBlockSnapshot tries again.");
            Journal.Remove(entry.Path);
            return false;
        }
    }

    private static void Tell(BlockSnapshotRecord record, IReadOnlyList<string> others, IOperationReport report)
    {
        foreach (string path in others)
            report.Warning($"The file '{path}' was left alone: it is not the scratch file that was made for block snapshot '{record.Name}'.");
    }
}
