using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>A <c>&lt;domainbackup&gt;</c> document of libvirt (formatbackup).</summary>
/// <param name="Pull">Whether its mode is "pull".</param>
/// <param name="Incremental">The moment since which changes count for every disk that does not say another; null where the document does not say.</param>
/// <param name="Disks">The disks that it names; none means all.</param>
internal sealed record BackupDocument(bool Pull, string? Incremental, IReadOnlyList<BackupDocumentDisk> Disks)
{
    public const string RootName = "domainbackup";

    private const string PushMode = "push", PullMode = "pull";

    public static BackupDocument Parse(string text, string source) => FromElement(XmlSource.Parse(text, source).Root!, source);

    public static BackupDocument Load(string path) => FromElement(XmlSource.ReadFile(path).Root!, path);

    /// <summary>The text of the document.</summary>
    public string ToXml() => XmlOutput.Write(
        new XElement(RootName,
            new XAttribute("mode", Pull ? PullMode : PushMode),
            Incremental is null ? null : new XElement("incremental", Incremental),
            Disks.Count == 0 ? null : new XElement("disks", Disks.Select(disk => disk.ToElement()))),
        "a backup");

    private static BackupDocument FromElement(XElement root, string source)
    {
        var check = new XmlCheck(source);
        check.Root(root, RootName);
        check.Attributes(root, "mode");
        bool pull = check.Choice(root, "mode", PushMode, PullMode) == PullMode;
        if (root.Element("server") is { } server)
            throw BackupDocumentDisk.Unsupported(server, "a backup here serves nothing, and <server> must be left out: Start-VMBlockExport serves disks over NBD", check);
        check.Content(root, ["incremental", "disks"]);
        string? since = root.Element("incremental") is { } element ? ReadSince(element, check) : null;
        return new BackupDocument(pull, since, ServiceXml.Disks(root, check, disk => BackupDocumentDisk.Read(disk, pull, check), disk => disk.Name));
    }

    private static string ReadSince(XElement element, XmlCheck check)
    {
        check.Attributes(element);
        return BackupDocumentDisk.SinceOf(element, check.Text(element), check);
    }
}
