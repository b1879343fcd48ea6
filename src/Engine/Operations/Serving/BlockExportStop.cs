using System.Text.Json.Nodes;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>
/// Stop-VMBlockExport, and the end of exports whose owner is gone. Steps of each: intent, with the change of the record; what is public, then
/// what it stood on; the record; the block snapshot that was made for it. It is only ever finished: each step can be done again.
/// </summary>
internal sealed class BlockExportStop(EngineContext context)
{
    public const string Operation = "block-export-stop";

    /// <summary>Stops those that match; where none does there is nothing to do.</summary>
    /// <returns>What was stopped, as it was before.</returns>
    public async Task<IReadOnlyList<VMBlockExport>> RunAsync(string vm, StopBlockExportRequest request, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Stop-VMBlockExport", recover: true, report, cancellation, anyway: true);
        Func<BlockExportRecord, BlockExportRecordDisk, bool> isMeant = Selection(request, scope.Domain);
        IReadOnlyList<BlockExportRecord> all = new ServiceRecords(scope.Place.StateDirectory).Exports(report.Failure);
        BlockExportRecord[] meant = [.. all.Select(record => record with { Disks = [.. record.Disks.Where(disk => isMeant(record, disk))] }).Where(record => record.Disks.Count > 0)];
        if (meant.Length == 0)
            return [];
        IReadOnlyList<VMBlockExport> stopped = await BlockExportListing.OfAsync(scope.Place, scope.Domain, meant, all, report, cancellation);
        List<BlockExportRecord> left = [.. all];
        foreach (BlockExportRecord some in meant)
        {
            cancellation.ThrowIfCancellationRequested();
            await RunAsync(scope, left.Find(record => record.Id == some.Id)!, some.Disks, left, report);
        }

        return stopped;
    }

    /// <summary>Takes some exports of a record down; once begun it is not stopped.</summary>
    /// <param name="scope">The domain, with all its moments.</param>
    /// <param name="record">The record.</param>
    /// <param name="disks">The exports.</param>
    /// <param name="all">All records of the machine; follows what becomes of this one.</param>
    /// <param name="report">Where warnings go.</param>
    public static async Task RunAsync(ChangeScope scope, BlockExportRecord record, IReadOnlyList<BlockExportRecordDisk> disks, List<BlockExportRecord> all, IOperationReport report)
    {
        BlockExportRecord rest = record with { Disks = [.. record.Disks.Except(disks)] };
        (string path, string content) = ServiceRecords.FileOf(record);
        var changes = new FileChanges(new Dictionary<string, string?>(StringComparer.Ordinal) { [path] = rest.Disks.Count == 0 ? null : ServiceRecords.FileOf(rest).Content });
        var traces = ExportTraces.Of(record, [.. disks], all);
        using (Journal journal = scope.BeginBeside(Operation, new JsonObject { ["traces"] = traces.ToJson(), ["commit"] = changes.ToJson(), ["written"] = Written(scope.Domain, record, disks) }))
        {
            try
            {
                journal.Pass("teardown");
                if (await TearDownAsync(scope.Place, scope.Domain, traces) && record.Writable)
                    report.Warning($"The storage daemon that served {string.Join(", ", record.Disks.Select(disk => disk.Name))} of '{scope.Place.Name}' for writing did not end by itself and was killed: what clients wrote and did not flush may be lost, and with it what is known of changes since the last checkpoint.");
            }
            catch
            {
                // The record is still there: what is left of it can be stopped when what stands in the way is gone.
                journal.End();
                throw;
            }

            Flush((JsonArray)Written(scope.Domain, record, disks));
            journal.Pass("ended");
            journal.Commit(changes);
        }

        all.RemoveAll(one => one.Id == record.Id);
        if (rest.Disks.Count > 0)
            all.Add(rest);
        else
            await OwnSnapshots.RemoveAsync(scope, record.Id, report, CancellationToken.None);
    }

    /// <summary>After a crash: finishes it.</summary>
    public static async Task ResolveAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, CancellationToken cancellation)
    {
        var traces = ExportTraces.FromJson(entry.Intent["traces"]!.AsObject());
        cancellation.ThrowIfCancellationRequested();
        await TearDownAsync(place, domain, traces);
        Flush(entry.Intent["written"]!.AsArray());
        Journal.Redo(place.StateDirectory, entry.AsIntended());
    }

    private static async Task<bool> TearDownAsync(DomainPlace place, DomainDocument domain, ExportTraces traces)
    {
        await using QmpClient? machine = traces.Source is null ? await MachineProbe.TryConnectAsync(place, domain, BlockAccess.Change, CancellationToken.None) : null;
        return await BlockExportTeardown.RunAsync(place, traces, machine, CancellationToken.None);
    }

    // What clients wrote must not vanish behind an export that was ended properly.
    private static void Flush(JsonArray paths)
    {
        foreach (string path in paths.Select(path => (string)path!).Where(File.Exists))
            DurableFile.FlushFile(path);
    }

    private static JsonArray Written(DomainDocument domain, BlockExportRecord record, IEnumerable<BlockExportRecordDisk> disks) =>
        new([.. record.Writable ? disks.Select(disk => (JsonNode?)domain.FindDisk(disk.Name)?.SourcePath).Where(path => path is not null) : []]);

    /// <summary>Which exports a request means. A document says it by address, disk and name; what it says of block snapshots and checkpoints does not matter here.</summary>
    public static Func<BlockExportRecord, BlockExportRecordDisk, bool> Selection(StopBlockExportRequest request, DomainDocument domain)
    {
        BlockExportDocument? document = AskedExports.Document(request.Xml, request.XmlPath);
        if (document is not null && (request.Disks.Count > 0 || request.ExportNames.Count > 0 || request.Address is not null))
            throw ExportErrors.Mixed("a document says disks, names and address itself");
        string? text = document is null ? request.Address : document.Address?.ToString();
        NbdAddress? address = text is null ? null : ExportAddress.Parse(text);
        HashSet<string> disks = [.. request.Disks], names = [.. request.ExportNames];
        (string Disk, string? Name)[] listed = [.. document?.Disks.Select(disk => (AskedExports.Target(disk.Name, domain), disk.ExportName)) ?? []];
        return (record, disk) => (address is null || IsAt(record, address))
            && (disks.Count == 0 || disks.Contains(disk.Name)) && (names.Count == 0 || names.Contains(disk.ExportName))
            && (listed.Length == 0 || listed.Any(one => one.Disk == disk.Name && (one.Name is null || one.Name == disk.ExportName)));
    }

    // Port 0 stands for whichever was picked.
    private static bool IsAt(BlockExportRecord record, NbdAddress address)
    {
        NbdAddress there = NbdAddress.Parse(record.Address);
        return ExportAddress.IsSame(there, address) || (address is TcpNbdAddress { Port: 0 } any && there is TcpNbdAddress tcp && ExportAddress.IsSame(tcp with { Port = 0 }, any));
    }
}
