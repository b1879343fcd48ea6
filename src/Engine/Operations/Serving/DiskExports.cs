using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Nbd;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>Where the disks of a machine are served now. A machine without records is not asked.</summary>
internal static class DiskExports
{
    public static async Task<ILookup<string, Uri>> OfAsync(DomainPlace place, DomainDocument domain, IOperationReport report, CancellationToken cancellation)
    {
        // What is in a backup is not the disk of the machine.
        BlockExportRecord[] records = [.. new ServiceRecords(place.StateDirectory).Exports(report.Failure).Where(record => record.BackupId is null)];
        (string Disk, Uri Uri)[] served = [];
        if (records.Length > 0)
        {
            try
            {
                ExportState states = await ExportState.LookAsync(place, domain, records, [], cancellation);
                served = [.. records.SelectMany(record => record.Disks.Where(disk => states.Missing(record, disk) is null)
                    .Select(disk => (disk.Name, ExportAddress.UriOf(NbdAddress.Parse(record.Address), disk.ExportName, record.Tls is not null))))];
            }
            catch (MomentException failure)
            {
                // What the machine is and does can be told without them.
                report.Failure(failure);
            }
        }

        return served.ToLookup(pair => pair.Disk, pair => pair.Uri, StringComparer.Ordinal);
    }
}
