using System.Globalization;
using System.Xml.Linq;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>The record of block exports that were started together: their document with one element of ours.</summary>
internal static class BlockExportRecordXml
{
    private static readonly string[] Attributes = [.. ServiceRecordXml.Shared, "private", "writable", "tls", "backup", "repository"];

    public static string Write(BlockExportRecord record) => (DocumentOf(record) with
    {
        Extension = new XElement(XmlNames.BlockExport,
            ServiceRecordXml.Write(record.Id, record.Created, record.Owner),
            record.Private ? new XAttribute("private", "yes") : null,
            record.Writable ? new XAttribute("writable", "yes") : null,
            XmlOutput.Attribute("tls", record.Tls),
            XmlOutput.Attribute("backup", record.BackupId),
            XmlOutput.Attribute("repository", record.Repository),
            ServiceRecordXml.Write("source", record.Source),
            ServiceRecordXml.Write("relay", record.Relay),
            record.Disks.Select(Write)),
    }).ToXml(includeExtension: true);

    /// <summary>The document that a user can have of them.</summary>
    public static BlockExportDocument DocumentOf(BlockExportRecord record) => new(
        NbdAddress.Parse(record.Address) switch
        {
            UnixNbdAddress unix => new BlockExportAddress(null, null, AutoPort: false, unix.Path, record.Tls is not null),
            TcpNbdAddress tcp => new BlockExportAddress(tcp.Host, tcp.Port, AutoPort: false, null, record.Tls is not null),
            var other => throw new InvalidOperationException($"An address of kind {other.GetType().Name} has no element."),
        },
        [.. record.Disks.Select(disk => new BlockExportDocumentDisk(disk.Name, disk.Snapshot, disk.Since, disk.ExportName, record.Writable ? false : null))]);

    public static BlockExportRecord Load(string path) => Read(BlockExportDocument.Load(path, XmlOrigin.Store), path);

    /// <summary>Reads the text of a record.</summary>
    /// <param name="path">What messages call it.</param>
    public static BlockExportRecord Parse(string text, string path) => Read(BlockExportDocument.Parse(text, path, XmlOrigin.Store), path);

    private static BlockExportRecord Read(BlockExportDocument document, string path)
    {
        var check = new XmlCheck(path);
        XElement element = ServiceRecordXml.Extension(document.Extension, path);
        check.Attributes(element, Attributes);
        check.Content(element, [TrackingXml.Name("source").ToString(), TrackingXml.Name("relay").ToString()], [TrackingXml.Name("disk").ToString()]);
        BlockExportAddress address = document.Address ?? throw check.Broken(element, "the document has no address");
        string? tls = check.Choice(element, "tls", "x509", "psk");
        if (address.Tls != tls is not null)
            throw check.Broken(element, "the address and this element do not agree whether connections are encrypted");
        return new BlockExportRecord(
            ServiceRecordXml.Id(element, "id", check),
            BranchXml.Time(element, "created", check),
            ServiceRecordXml.ReadOwner(element, check),
            address.ToString(),
            check.Choice(element, "private", "yes", "no") == "yes",
            check.Choice(element, "writable", "yes", "no") == "yes",
            tls,
            ServiceRecordXml.Text(element, "backup", check),
            ServiceRecordXml.AbsolutePath(element, "repository", check, required: false),
            ServiceRecordXml.ReadProcess(element, "source", check),
            ServiceRecordXml.ReadProcess(element, "relay", check),
            ServiceRecordXml.Disks(element, [.. document.Disks.Select(disk => disk.Name)], disk => Read(disk, document, check), disk => disk.Number, check));
    }

    private static XElement Write(BlockExportRecordDisk disk) => new(TrackingXml.Name("disk"),
        new XAttribute("name", disk.Name),
        new XAttribute("number", disk.Number.ToString(CultureInfo.InvariantCulture)),
        new XAttribute("node", disk.Node),
        XmlOutput.Attribute("context", disk.Context),
        new XAttribute("size", disk.Size));

    private static BlockExportRecordDisk Read(XElement element, BlockExportDocument document, XmlCheck check)
    {
        check.Attributes(element, "name", "number", "node", "context", "size");
        check.Content(element, []);
        string name = check.Required(element, "name");
        BlockExportDocumentDisk disk = document.Disks.First(disk => disk.Name == name);
        return new BlockExportRecordDisk(
            name,
            ServiceRecordXml.DiskNumber(element, check),
            disk.ExportName ?? throw check.Broken(element, "the document has no name for its export"),
            ServiceRecordXml.RequiredText(element, "node", check),
            disk.Snapshot,
            disk.Checkpoint,
            ServiceRecordXml.Text(element, "context", check),
            ServiceRecordXml.Number(element, "size", 0, long.MaxValue, check));
    }
}
