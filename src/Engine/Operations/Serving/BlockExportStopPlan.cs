using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>What a Stop-VMBlockExport would end, and how many clients would lose it; nothing is changed.</summary>
internal static class BlockExportStopPlan
{
    public static async Task<IReadOnlyList<VMBlockExport>> RunAsync(EngineContext context, string vm, StopBlockExportRequest request, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        Func<BlockExportRecord, BlockExportRecordDisk, bool> isMeant = BlockExportStop.Selection(request, domain);
        IReadOnlyList<BlockExportRecord> all = new ServiceRecords(place.StateDirectory).Exports(report.Failure);
        BlockExportRecord[] meant = [.. all.Select(record => record with { Disks = [.. record.Disks.Where(disk => isMeant(record, disk))] }).Where(record => record.Disks.Count > 0)];
        if (meant.Length > 0)
            return await BlockExportListing.OfAsync(place, domain, meant, all, report, cancellation);
        // That nothing is left is what was wanted where all were meant; a name that means none is a mistake.
        return request is { Disks.Count: 0, ExportNames.Count: 0, Address: null, Xml: null, XmlPath: null }
            ? [] : throw ExportErrors.NoneMatches(vm, Words(request), [.. all.SelectMany(record => record.Disks.Select(disk => $"{disk.Name} as '{disk.ExportName}' at {record.Address}"))]);
    }

    private static string Words(StopBlockExportRequest request) => request is { Xml: null, XmlPath: null }
        ? string.Concat(
            request.ExportNames.Count > 0 ? $" named {string.Join(" or ", request.ExportNames.Select(XmlErrors.Quote))}" : "",
            request.Disks.Count > 0 ? $" of disk {string.Join(" or ", request.Disks)}" : "",
            request.Address is { } address ? $" at {address}" : "")
        : " that the document names";
}
