using MomentTools.Nbd;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>What somebody wants to have served, and where, whether a request says it or a document.</summary>
/// <param name="Address">Where, or null: wherever it is read fastest.</param>
/// <param name="Tls">"x509", "psk" or null.</param>
/// <param name="Disks">The disks that were named; none means all.</param>
internal sealed record AskedExports(NbdAddress? Address, string? Tls, IReadOnlyList<AskedExport> Disks)
{
    /// <summary>Reads a request; a document takes the place of all that it can say.</summary>
    /// <param name="request">The request.</param>
    /// <param name="domain">The machine, whose disks a document may name by their paths.</param>
    public static AskedExports From(StartBlockExportRequest request, DomainDocument domain)
    {
        if (request.TlsX509 is not null && request.TlsPsk is not null)
            throw ExportErrors.Mixed("TLS by certificates and TLS by keys exclude each other");
        if (request.MaxConnections is <= 0)
            throw ExportErrors.Mixed($"{request.MaxConnections} cannot be the number of clients that may be connected");
        string? tls = request.TlsX509 is not null ? "x509" : request.TlsPsk is not null ? "psk" : null;
        BlockExportDocument? document = Document(request.Xml, request.XmlPath);
        if (document is null)
        {
            return new AskedExports(
                request.Address is null ? null : ExportAddress.Parse(request.Address), tls,
                [.. request.Disks.Select(disk => new AskedExport(disk, request.Snapshot, request.Since, request.ExportNames.GetValueOrDefault(disk), request.Writable))]);
        }

        if (request.Disks.Count > 0 || request.ExportNames.Count > 0 || request.Snapshot is not null || request.Since is not null || request.Address is not null || request.BackupId is not null || request.Writable)
            throw ExportErrors.Mixed("a document says disks, names, address and moment itself");
        if (document.Address is { Tls: true } address && tls is null)
            throw ExportErrors.TlsMissing(address.ToString());
        return new AskedExports(
            document.Address is null ? null : ExportAddress.Parse(document.Address.ToString()), tls,
            [.. document.Disks.Select(disk => new AskedExport(Target(disk.Name, domain), disk.Snapshot, disk.Checkpoint, disk.ExportName, disk.ReadOnly == false))]);
    }

    /// <summary>The document of a request, or null: it has none.</summary>
    public static BlockExportDocument? Document(string? xml, string? path) => (xml, path) switch
    {
        (null, null) => null,
        (not null, not null) => throw ExportErrors.Mixed("a document and a file with a document exclude each other"),
        (not null, _) => BlockExportDocument.Parse(xml, "the document"),
        _ => BlockExportDocument.Load(path!),
    };

    /// <summary>The target of a disk that a document names by it or by its path; a name that means no disk is kept.</summary>
    public static string Target(string name, DomainDocument domain) =>
        DiskNaming.Find(name, domain)?.Target ?? name;
}
