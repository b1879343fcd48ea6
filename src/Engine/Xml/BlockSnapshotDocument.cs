using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>
/// A <c>&lt;domainblocksnapshot&gt;</c> document, as it was proposed for libvirt in 2018. The disks stand directly under the root; a
/// <c>&lt;disks&gt;</c> around them, as in libvirt's other documents, is read as well.
/// </summary>
/// <param name="Name">The block snapshot's name; null where the document does not say.</param>
/// <param name="Disks">The disks that take part; none means all.</param>
internal sealed record BlockSnapshotDocument(string? Name, IReadOnlyList<BlockSnapshotDocumentDisk> Disks)
{
    public const string RootName = "domainblocksnapshot";

    /// <summary>The one element of ours; only in files of the store.</summary>
    public XElement? Extension { get; init; }

    public static BlockSnapshotDocument Parse(string text, string source, XmlOrigin origin = XmlOrigin.User) =>
        FromElement(XmlSource.Parse(text, source).Root!, source, origin);

    public static BlockSnapshotDocument Load(string path, XmlOrigin origin = XmlOrigin.User) => FromElement(XmlSource.ReadFile(path).Root!, path, origin);

    /// <summary>The text of the document; without the extension it has nothing of ours.</summary>
    public string ToXml(bool includeExtension = false) => XmlOutput.Write(
        new XElement(RootName,
            Name is null ? null : new XElement("name", Name),
            Disks.Select(disk => disk.ToElement()),
            includeExtension && Extension is not null ? new XElement(Extension) : null),
        $"block snapshot '{Name}'");

    private static BlockSnapshotDocument FromElement(XElement root, string source, XmlOrigin origin)
    {
        var check = new XmlCheck(source);
        check.Root(root, RootName);
        check.Attributes(root);
        var extension = ServiceXml.Content(root, ["name"], XmlNames.BlockSnapshot, origin, check);
        string? name = root.Element("name") is { } element ? ReadName(element, check) : null;
        IReadOnlyList<BlockSnapshotDocumentDisk> disks = ServiceXml.Disks(root, check, disk => BlockSnapshotDocumentDisk.Read(disk, check), disk => disk.Name);
        ServiceXml.RefuseTwice(root, disks, disk => disk.ScratchFile, disk => disk.Name, "the scratch file", check);
        return new BlockSnapshotDocument(name, disks) { Extension = extension };
    }

    private static string ReadName(XElement element, XmlCheck check)
    {
        check.Attributes(element);
        string name = check.Text(element);
        return MomentNames.BlockSnapshotRule(name) is { } rule
            ? throw check.Broken(element, $"{XmlErrors.Quote(name)} is not a valid name: {rule}", XmlErrors.MomentNameInvalid)
            : name;
    }
}
