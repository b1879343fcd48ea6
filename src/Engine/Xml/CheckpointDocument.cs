using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>A libvirt <c>&lt;domaincheckpoint&gt;</c> document (formatcheckpoint).</summary>
internal sealed record CheckpointDocument : MomentDocument
{
    public const string RootName = "domaincheckpoint";

    private static readonly IReadOnlyList<string> Known = [.. Shared, "disks"];

    public CheckpointDocument()
    {
    }

    private CheckpointDocument(XElement root, XmlCheck check, XmlOrigin origin)
        : base(root, RootName, Known, MomentNames.CheckpointRule, check, origin)
    {
        XElement? disks = root.Element("disks");
        Disks = disks is null ? [] : ReadDisks(disks, check, disk => CheckpointDisk.Read(disk, Name, check), disk => disk.Name);
        DisksGiven = disks is not null;
        if (disks is not null && Disks.Count == 0)
            throw check.Broken(disks, "it must name at least one disk; leave it out to mean all disks");
        Domain = root.Element("domain") is { } domain ? DomainDocument.FromElement(domain, check.Source) : null;
    }

    public IReadOnlyList<CheckpointDisk> Disks { get; init; } = [];

    /// <summary>Whether there was a <c>&lt;disks&gt;</c> element: with it only the named disks take part, without it all.</summary>
    public bool DisksGiven { get; init; }

    public override IReadOnlyList<string> DiskNames => [.. Disks.Select(disk => disk.Name)];

    public static CheckpointDocument Parse(string text, string source, XmlOrigin origin) =>
        FromElement(XmlSource.Parse(text, source).Root!, source, origin);

    /// <summary>Reads a <c>&lt;domaincheckpoint&gt;</c> that may lie in a larger document; its domain is taken out of there.</summary>
    public static CheckpointDocument FromElement(XElement root, string source, XmlOrigin origin) => new(root, new XmlCheck(source), origin);

    public override XElement ToElement(bool includeDomain = true, bool secure = false, bool includeExtension = false, IReadOnlyDictionary<string, long?>? sizes = null) =>
        new(RootName,
            NameAndDescription(),
            ParentAndTime(),
            Disks.Count == 0 ? null : new XElement("disks", Disks.Select(disk => disk.ToElement(sizes?.GetValueOrDefault(disk.Name)))),
            ExtensionCopy(includeExtension),
            includeDomain ? Domain?.ToElement(secure, includeExtension) : null,
            UnknownCopies(includeExtension));
}
