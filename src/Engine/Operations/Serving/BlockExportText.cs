using MomentTools.Machines;
using MomentTools.Nbd;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>Exports as the document that starts them again, or stops them.</summary>
internal static class BlockExportText
{
    /// <param name="place">The machine's place.</param>
    /// <param name="address">The address; null where there is one only.</param>
    /// <param name="report">Where broken records are told.</param>
    public static string Of(DomainPlace place, string? address, IOperationReport report)
    {
        IReadOnlyList<BlockExportRecord> all = new ServiceRecords(place.StateDirectory).Exports(report.Failure);
        string[] there = [.. all.Select(record => record.Address).Distinct(StringComparer.Ordinal)];
        if (address is null && there.Length != 1)
            throw ExportErrors.SeveralAddresses(place.Name, there);
        NbdAddress wanted = ExportAddress.Parse(address ?? there[0]);
        BlockExportRecord[] records = [.. all.Where(record => ExportAddress.IsSame(NbdAddress.Parse(record.Address), wanted))];
        if (records.Length == 0)
            throw ExportErrors.NotFound(place.Name, address!, there);
        return (BlockExportRecordXml.DocumentOf(records[0]) with { Disks = [.. records.SelectMany(Disks)] }).ToXml();
    }

    // A block snapshot that was made for the export goes with it: whoever starts the same again gets a new one.
    private static IEnumerable<BlockExportDocumentDisk> Disks(BlockExportRecord record) => BlockExportRecordXml.DocumentOf(record).Disks
        .Select(disk => disk.Snapshot == OwnSnapshots.NameOf(record.Id) ? disk with { Snapshot = null } : disk);
}
