using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>
/// A <c>&lt;domainblockexport type='nbd'&gt;</c> document, as it was proposed for libvirt in 2018. The disks stand directly under the root; a
/// <c>&lt;disks&gt;</c> around them, as in libvirt's other documents, is read as well.
/// </summary>
/// <param name="Address">Where the server listens; null where the document does not say.</param>
/// <param name="Disks">The disks that are served; none means all.</param>
internal sealed record BlockExportDocument(BlockExportAddress? Address, IReadOnlyList<BlockExportDocumentDisk> Disks)
{
    public const string RootName = "domainblockexport";

    private const string Protocol = "nbd";

    /// <summary>The one element of ours; only in files of the store.</summary>
    public XElement? Extension { get; init; }

    public static BlockExportDocument Parse(string text, string source, XmlOrigin origin = XmlOrigin.User) =>
        FromElement(XmlSource.Parse(text, source).Root!, source, origin);

    public static BlockExportDocument Load(string path, XmlOrigin origin = XmlOrigin.User) => FromElement(XmlSource.ReadFile(path).Root!, path, origin);

    /// <summary>The text of the document; without the extension it has nothing of ours.</summary>
    public string ToXml(bool includeExtension = false) => XmlOutput.Write(
        new XElement(RootName,
            new XAttribute("type", Protocol),
            Address?.ToElement(),
            Disks.Select(disk => disk.ToElement()),
            includeExtension && Extension is not null ? new XElement(Extension) : null),
        "a block export");

    private static BlockExportDocument FromElement(XElement root, string source, XmlOrigin origin)
    {
        var check = new XmlCheck(source);
        check.Root(root, RootName);
        check.Attributes(root, "type");
        check.Required(root, "type");
        check.Choice(root, "type", Protocol);
        XElement? extension = ServiceXml.Content(root, ["address"], XmlNames.BlockExport, origin, check);
        BlockExportAddress? address = root.Element("address") is { } element ? BlockExportAddress.Read(element, check) : null;
        IReadOnlyList<BlockExportDocumentDisk> disks = ServiceXml.Disks(root, check, disk => BlockExportDocumentDisk.Read(disk, check), disk => disk.Name);
        ServiceXml.RefuseTwice(root, disks, disk => disk.ExportName, disk => disk.Name, "the export name", check);
        return new BlockExportDocument(address, disks) { Extension = extension };
    }
}
