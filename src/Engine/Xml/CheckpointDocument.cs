using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>A libvirt <c>&lt;domaincheckpoint&gt;</c> document (formatcheckpoint).</summary>
internal sealed record CheckpointDocument : MomentDocument
{
    // The last second that a DateTimeOffset can hold (31 December 9999).
    private const long LatestCreationTime = 253_402_300_799;

    public IReadOnlyList<CheckpointDisk> Disks { get; init; } = [];

    /// <summary>Whether there was a <c>&lt;disks&gt;</c> element: with it only the named disks take part, without it all.</summary>
    public bool DisksGiven { get; init; }

    public override IReadOnlyList<string> DiskNames => [.. Disks.Select(disk => disk.Name)];

    public static CheckpointDocument Parse(string text, string source, XmlOrigin origin) =>
        FromElement(XmlSource.Parse(text, source).Root!, source, origin);

    public static CheckpointDocument Load(string path, XmlOrigin origin) => FromElement(XmlSource.ReadFile(path).Root!, path, origin);

    /// <summary>Reads a <c>&lt;domaincheckpoint&gt;</c> that may lie in a larger document; its domain is taken out of there.</summary>
    public static CheckpointDocument FromElement(XElement root, string source, XmlOrigin origin)
    {
        var check = new XmlCheck(source);
        check.Root(root, "domaincheckpoint");
        check.Attributes(root);
        List<XElement>? others = origin == XmlOrigin.Store ? [] : null;
        check.Content(root, ["name", "description", "parent", "creationTime", "disks", "domain"], unknown: others);
        string? name = ReadName(root.Element("name"), MomentNames.CheckpointRule, check);
        XElement? disks = root.Element("disks");
        return new CheckpointDocument
        {
            Name = name,
            Description = root.Element("description") is { } description ? Plain(description, check) : null,
            ParentName = ReadParent(root.Element("parent"), origin, check),
            CreationTime = root.Element("creationTime") is { } time ? check.Number(time, Plain(time, check), 0, LatestCreationTime) : null,
            Disks = ReadDisks(disks, name, check),
            DisksGiven = disks is not null,
            Extension = TakeExtension(others, check),
            Unknown = others ?? [],
            Domain = root.Element("domain") is { } domain ? DomainDocument.FromElement(domain, source) : null,
        };
    }

    public override XElement ToElement(bool includeDomain = true, bool secure = false, bool includeExtension = false, IReadOnlyDictionary<string, long?>? sizes = null) =>
        new("domaincheckpoint",
            Name is null ? null : new XElement("name", Name),
            Description is null ? null : new XElement("description", Description),
            ParentName is null ? null : new XElement("parent", new XElement("name", ParentName)),
            CreationTime is null ? null : new XElement("creationTime", CreationTime),
            Disks.Count == 0 ? null : new XElement("disks", Disks.Select(disk => disk.ToElement(sizes?.GetValueOrDefault(disk.Name)))),
            includeDomain ? Domain?.ToElement(secure, includeExtension) : null,
            includeExtension && Extension is not null ? new XElement(Extension) : null,
            includeExtension ? Unknown.Select(element => new XElement(element)) : null);

    private static string Plain(XElement leaf, XmlCheck check)
    {
        check.Attributes(leaf);
        return check.Text(leaf);
    }

    private static string? ReadName(XElement? element, Func<string, string?> ruleOf, XmlCheck check)
    {
        if (element is null)
            return null;
        string name = Plain(element, check);
        return ruleOf(name) is { } rule
            ? throw check.Broken(element, $"{XmlErrors.Quote(name)} is not a valid name: {rule}", XmlErrors.MomentNameInvalid)
            : name;
    }

    private static string? ReadParent(XElement? parent, XmlOrigin origin, XmlCheck check)
    {
        if (parent is null)
            return null;
        check.Attributes(parent);
        check.Content(parent, ["name"]);
        // In the store, where moments form one tree, the parent of a checkpoint may be a snapshot.
        return ReadName(check.RequiredElement(parent, "name"), origin == XmlOrigin.Store ? MomentNames.SnapshotRule : MomentNames.CheckpointRule, check);
    }

    private static List<CheckpointDisk> ReadDisks(XElement? disks, string? checkpoint, XmlCheck check)
    {
        List<CheckpointDisk> read = [];
        if (disks is null)
            return read;
        check.Attributes(disks);
        check.Content(disks, [], ["disk"]);
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (XElement element in disks.Elements())
        {
            CheckpointDisk disk = CheckpointDisk.Read(element, checkpoint, check);
            if (!names.Add(disk.Name))
                throw check.Broken(element, $"the disk {XmlErrors.Quote(disk.Name)} is named twice", XmlErrors.DiskNamedTwice);
            read.Add(disk);
        }

        return read.Count > 0 ? read : throw check.Broken(disks, "it must name at least one disk; leave it out to mean all disks");
    }

    private static XElement? TakeExtension(List<XElement>? others, XmlCheck check)
    {
        List<XElement> found = others?.FindAll(element => element.Name == XmlNames.Moments + "moment") ?? [];
        if (found.Count > 1)
            throw check.Broken(found[1], "it may be there only once");
        others?.RemoveAll(found.Contains);
        return found.FirstOrDefault();
    }
}
