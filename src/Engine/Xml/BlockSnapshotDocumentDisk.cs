using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>One <c>&lt;disk&gt;</c> of a block snapshot.</summary>
/// <param name="Name">The disk's target, or in a document of a user the path of its source.</param>
/// <param name="ScratchFile">The absolute path of the file that takes what the machine overwrites; null where the document does not say.</param>
internal sealed record BlockSnapshotDocumentDisk(string Name, string? ScratchFile)
{
    private const string Written = "scratch";

    // The proposal said fleece, drafts of it source; libvirt's maintainers settled on scratch for its backups.
    private static readonly string[] Words = [Written, "source", "fleece"];

    public static BlockSnapshotDocumentDisk Read(XElement disk, XmlCheck check)
    {
        check.Attributes(disk, "name", "type");
        check.Choice(disk, "type", "file");
        check.Content(disk, Words);
        string name = check.DiskName(disk);
        if (disk.Elements().Skip(1).FirstOrDefault() is { } second)
            throw check.Broken(second, "a disk has one scratch file: <scratch>, <source> and <fleece> are words for the same");
        return new BlockSnapshotDocumentDisk(name, disk.Elements().FirstOrDefault() is { } scratch ? check.OnlyFile(scratch) : null);
    }

    public XElement ToElement() => new("disk",
        new XAttribute("name", Name),
        ScratchFile is null ? null : new XAttribute("type", "file"),
        ScratchFile is null ? null : new XElement(Written, new XAttribute("file", ScratchFile)));
}
