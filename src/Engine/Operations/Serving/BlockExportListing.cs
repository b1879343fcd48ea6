using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>Get-VMBlockExport: what the records say, and whether it is still so. Nothing is taken down here.</summary>
internal static class BlockExportListing
{
    /// <summary>The exports of a machine.</summary>
    public static async Task<IReadOnlyList<VMBlockExport>> RunAsync(EngineContext context, string vm, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        IReadOnlyList<BlockExportRecord> records = new ServiceRecords(place.StateDirectory).Exports(report.Failure);
        return records.Count == 0 ? [] : await OfAsync(place, context.Catalogue.Load(place), records, records, report, cancellation);
    }

    /// <summary>Some of the exports of a machine.</summary>
    /// <param name="place">The machine's place.</param>
    /// <param name="domain">The machine.</param>
    /// <param name="records">Those that are wanted.</param>
    /// <param name="all">All that the machine has.</param>
    /// <param name="report">Where broken records are told.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<IReadOnlyList<VMBlockExport>> OfAsync(
        DomainPlace place, DomainDocument domain, IReadOnlyList<BlockExportRecord> records, IReadOnlyList<BlockExportRecord> all, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<VMBlockSnapshot> snapshots = await new BlockSnapshotListing(place, domain, report).RunAsync(cancellation);
        ExportState states = await ExportState.LookAsync(place, domain, records, snapshots, cancellation);
        return [.. records.SelectMany(record => Describe(place.Name, record, all, states))];
    }

    private static IEnumerable<VMBlockExport> Describe(string vm, BlockExportRecord record, IReadOnlyList<BlockExportRecord> all, ExportState states)
    {
        NbdAddress address = NbdAddress.Parse(record.Address);
        int clients = Clients(record, address, all);
        foreach (BlockExportRecordDisk disk in record.Disks)
        {
            (VMServiceState state, string? reason) = states.Of(record, disk);
            yield return new VMBlockExport
            {
                VM = vm,
                Disk = disk.Name,
                ExportName = disk.ExportName,
                Uri = ExportAddress.UriOf(address, disk.ExportName, record.Tls is not null),
                Id = record.Id,
                Snapshot = disk.Snapshot,
                Since = disk.Since,
                Context = disk.Context,
                Contexts = disk.Context is null ? [NbdContext.BaseAllocation] : [NbdContext.BaseAllocation, disk.Context],
                Size = disk.Size,
                Writable = record.Writable,
                Clients = state == VMServiceState.Gone ? 0 : clients,
                ListenAddress = record.Address,
                Tls = record.Tls is not null,
                State = state,
                Reason = reason,
                Owner = record.Owner.Kind,
                Expires = record.Owner.Expires,
                Created = record.Created,
                Backup = record.BackupId,
            };
        }
    }

    // A relay is one client of the private socket for each export that it passes on; it is none of the user's.
    private static int Clients(BlockExportRecord record, NbdAddress address, IReadOnlyList<BlockExportRecord> all)
    {
        int connected = SocketClients.Count(address, (record.Relay ?? record.Source)?.ProcessId);
        int relayed = record.Private ? all.Where(other => other.Relay is not null && other.Source == record.Source && ServingDaemon.IsAlive(other.Relay)).Sum(other => other.Disks.Count) : 0;
        return Math.Max(0, connected - relayed);
    }
}
