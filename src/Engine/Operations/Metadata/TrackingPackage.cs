using System.Globalization;
using System.Xml.Linq;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>
/// What libvirt's documents have no word for, so that an export of all moments can be taken back with nothing lost: one element of ours in the
/// <c>&lt;metadata&gt;</c> of the domain, where libvirt allows such. It has the trees of the disks and, as far as they are small, the saved
/// segments; a checksum finds every changed byte.
/// </summary>
/// <param name="Moments">The moments with their ids, exact times and parents of either kind, without their documents.</param>
/// <param name="Disks">The tree of each disk.</param>
/// <param name="ActiveBranch">The branch that the machine works on.</param>
/// <param name="Branches">The branches; what is kept for Undo is not among them.</param>
/// <param name="Sidecars">The saved segments by id.</param>
internal sealed record TrackingPackage(
    IReadOnlyList<StoredMoment> Moments, IReadOnlyList<DiskTracking> Disks, string ActiveBranch, IReadOnlyList<Branch> Branches, IReadOnlyDictionary<string, byte[]> Sidecars)
{
    /// <summary>The most bytes of saved segments that go into a document; what finds no room is known from its bitmap alone.</summary>
    public const int MostSidecarBytes = 16 << 20;

    private const string Version = "1";
    /// <summary>The element's name, in the <c>&lt;metadata&gt;</c> of the domain.</summary>
    public static readonly XName Root = TrackingXml.Name("tracking");

    /// <summary>The element in a domain's metadata, or null.</summary>
    public static XElement? Find(DomainDocument domain) => domain.Root.Element("metadata")?.Element(Root);

    /// <summary>The definition with the element in its metadata; one that is there already is replaced.</summary>
    public DomainDocument Into(DomainDocument domain)
    {
        var root = new XElement(domain.Root);
        XElement? metadata = root.Element("metadata");
        if (metadata is null)
        {
            metadata = new XElement("metadata");
            root.Elements().Last(element => element.Name.LocalName is "name" or "uuid" or "genid" or "title" or "description").AddAfterSelf(metadata);
        }

        metadata.Elements(Root).Remove();
        metadata.Add(Write(domain.Uuid));
        return DomainDocument.FromElement(root, domain.Source);
    }

    /// <summary>Reads the element; anything that was changed in it is refused.</summary>
    public static TrackingPackage Read(XElement element, DomainDocument domain)
    {
        var check = new XmlCheck(domain.Source);
        if (element.Attribute("checksum")?.Value != ElementDigest.Of(element, "checksum"))
            throw MetadataErrors.Altered(domain.Source, "its checksum does not match its content, so it was changed or cut off");
        if (check.Required(element, "version") != Version)
            throw MetadataErrors.Altered(domain.Source, "it was written by a newer version");
        if (element.Attribute("uuid")?.Value != domain.Uuid?.ToString("D"))
            throw MetadataErrors.Altered(domain.Source, "it belongs to another domain");
        try
        {
            string active = element.Attribute("branch") is null ? DiskTracking.MainBranch : BranchName(element, "branch", check);
            var package = new TrackingPackage(
                [.. element.Elements(TrackingXml.Name("moment")).Select(moment => ReadMoment(moment, check))],
                [.. element.Elements(TrackingXml.Name("disk")).Select(disk => ReadDisk(disk, check))],
                active,
                ReadBranches(element, active, check),
                element.Elements(TrackingXml.Name("sidecar")).ToDictionary(sidecar => check.Required(sidecar, "id"), sidecar => Convert.FromBase64String(sidecar.Value), StringComparer.Ordinal));
            return package.Moments.DistinctBy(moment => moment.Key).Count() == package.Moments.Count && package.Disks.DistinctBy(disk => disk.Disk, StringComparer.Ordinal).Count() == package.Disks.Count
                && package.Branches.DistinctBy(branch => branch.Name, StringComparer.Ordinal).Count() == package.Branches.Count
                ? package : throw new FormatException("a moment, a disk or a branch is named twice");
        }
        catch (Exception failure) when (failure is FormatException or ArgumentException)
        {
            throw MetadataErrors.Altered(domain.Source, $"it cannot be read ({failure.Message})");
        }
    }

    private XElement Write(Guid? uuid)
    {
        var element = new XElement(Root,
            new XAttribute(XNamespace.Xmlns + "mt", XmlNames.Moments),
            new XAttribute("version", Version),
            uuid is { } id ? new XAttribute("uuid", id.ToString("D")) : null,
            ActiveBranch == DiskTracking.MainBranch ? null : new XAttribute("branch", ActiveBranch),
            Branches.FirstOrDefault(branch => branch.Name == ActiveBranch)?.Current is { } current ? new XAttribute("current", current) : null,
            Moments.Select(Write),
            Branches.Select(branch => BranchXml.Write(new XElement(TrackingXml.Name("branch")), branch)),
            Disks.Select(Write),
            Sidecars.Select(sidecar => new XElement(TrackingXml.Name("sidecar"), new XAttribute("id", sidecar.Key), Convert.ToBase64String(sidecar.Value))));
        element.SetAttributeValue("checksum", ElementDigest.Of(element, "checksum"));
        return element;
    }

    private static XElement Write(StoredMoment moment) => new(TrackingXml.Name("moment"),
        new XAttribute("key", moment.Key),
        new XAttribute("id", moment.Id),
        new XAttribute("created", moment.Created.ToString("O", CultureInfo.InvariantCulture)),
        moment.Parent is { } parent ? new XAttribute("parent", parent) : null,
        moment.Repository is null ? null : new XAttribute("repository", moment.Repository));

    private static StoredMoment ReadMoment(XElement element, XmlCheck check)
    {
        MomentKey key = Key(element.Attribute("key") ?? throw check.Broken(element, "the attribute 'key' is missing"), check);
        return new StoredMoment(
            key, check.Required(element, "id"), new CheckpointDocument(), element.Attribute("parent") is { } parent ? Key(parent, check) : null,
            DateTimeOffset.Parse(check.Required(element, "created"), CultureInfo.InvariantCulture), element.Attribute("repository")?.Value);
    }

    private static XElement Write(DiskTracking disk)
    {
        // The block snapshots that hold points here do not go along.
        var tips = disk.Tips.Values.Select(tip => tip.PointId).ToHashSet(StringComparer.Ordinal);
        return new XElement(TrackingXml.Name("disk"),
            new XAttribute("name", disk.Disk),
            new XAttribute("branch", disk.ActiveBranch),
            disk.Layers.Values.Select(TrackingXml.Write),
            disk.Points.Values.Where(point => !tips.Contains(point.Id)).Select(point => new XElement(
                TrackingXml.Name("at"), point.Moment is { } moment ? new XAttribute("moment", moment) : null, TrackingXml.Write(point with { Pinned = false }))),
            disk.Tips.Select(tip => new XElement(TrackingXml.Name("tip"),
                new XAttribute("branch", tip.Key),
                new XAttribute("layer", tip.Value.LayerId),
                tip.Value.Saved is { } saved ? new XAttribute("saved", saved) : new XAttribute("recording", tip.Value.Recording),
                TrackingXml.Write(disk.Points[tip.Value.PointId]))));
    }

    private static DiskTracking ReadDisk(XElement element, XmlCheck check)
    {
        Dictionary<string, TrackingPoint> points = new(StringComparer.Ordinal);
        Dictionary<string, TrackingTip> tips = new(StringComparer.Ordinal);
        foreach (XElement at in element.Elements(TrackingXml.Name("at")))
        {
            TrackingPoint point = TrackingXml.ReadPoint(at, at.Attribute("moment") is { } moment ? Key(moment, check) : null, check);
            points.Add(point.Id, point);
        }

        foreach (XElement tip in element.Elements(TrackingXml.Name("tip")))
        {
            TrackingPoint point = TrackingXml.ReadPoint(tip, null, check);
            points.Add(point.Id, point);
            string? saved = tip.Attribute("saved")?.Value;
            tips.Add(BranchName(tip, "branch", check), new TrackingTip(point.Id, check.Required(tip, "layer"), saved is null ? check.Required(tip, "recording") : "") { Saved = saved });
        }

        var layers = element.Elements(TrackingXml.Name("layer")).Select(layer => TrackingXml.ReadLayer(layer, check)).ToDictionary(layer => layer.Id, StringComparer.Ordinal);
        if (tips.Values.FirstOrDefault(tip => !layers.ContainsKey(tip.LayerId)) is { } lost)
            throw check.Broken(element, $"a tip is on the layer '{lost.LayerId}', which is not there");
        return new DiskTracking { Disk = check.Required(element, "name"), Points = points, Layers = layers, Tips = tips, ActiveBranch = BranchName(element, "branch", check) };
    }

    // Documents of before there were several branches say of the only one no more than what is current.
    private static IReadOnlyList<Branch> ReadBranches(XElement element, string active, XmlCheck check)
    {
        IReadOnlyList<Branch> branches = [.. element.Elements(TrackingXml.Name("branch")).Select(branch => BranchXml.Read(branch, BranchName(branch, "name", check), check))];
        return branches.Any(branch => branch.Name == active) ? branches
            : [.. branches, new Branch(active) { Current = element.Attribute("current") is { } current ? Key(current, check) : null }];
    }

    // It becomes a file's name.
    private static string BranchName(XElement element, string attribute, XmlCheck check) => MomentNames.SnapshotRule(check.Required(element, attribute)) is { } rule
        ? throw check.Broken(element.Attribute(attribute)!, $"it cannot be the name of a branch: {rule}") : element.Attribute(attribute)!.Value;

    private static MomentKey Key(XAttribute attribute, XmlCheck check) =>
        MomentKey.TryParse(attribute.Value, out MomentKey? key) ? key : throw check.Broken(attribute, $"{XmlErrors.Quote(attribute.Value)} is not a moment with its kind in front");
}
