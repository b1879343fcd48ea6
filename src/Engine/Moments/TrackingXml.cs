using System.Globalization;
using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>Points, layers and tips as elements of our own namespace, in files of the state directory alone.</summary>
internal static class TrackingXml
{
    private static readonly XNamespace Ns = XmlNames.Moments;
    private static readonly XName PointName = Ns + "point";
    private static readonly XName BitmapName = Ns + "bitmap";
    private static readonly XName SidecarName = Ns + "sidecar";

    public static XName Name(string local) => Ns + local;

    public static XElement Write(TrackingPoint point) => new(PointName,
        new XAttribute("id", point.Id),
        point.ParentId is null ? null : new XAttribute("parent", point.ParentId),
        new XAttribute("size", point.Size),
        new XAttribute("floor", point.Floor),
        new XAttribute("layer", point.LayerId),
        new XAttribute("flushed", point.Flushed ? "yes" : "no"),
        point.Kept ? new XAttribute("kept", "yes") : null,
        point.Pinned ? new XAttribute("pinned", "yes") : null,
        point.Altered is null ? null : new XAttribute("altered", point.Altered),
        point.Inside is null ? null : new XAttribute("inside", point.Inside),
        point.Sources.Select(Write));

    public static TrackingPoint ReadPoint(XElement parent, MomentKey? moment, XmlCheck check)
    {
        XElement element = check.Single(parent, PointName) ?? throw check.Broken(parent, "the element <point> is missing");
        check.Attributes(element, "id", "parent", "size", "floor", "layer", "flushed", "kept", "pinned", "altered", "inside");
        return new TrackingPoint(
            check.Required(element, "id"),
            element.Attribute("parent")?.Value,
            [.. element.Elements().Select(source => ReadSource(source, check))],
            Number(element, "floor", check),
            Number(element, "size", check),
            check.Required(element, "layer"),
            check.Choice(element, "flushed", "yes", "no") == "yes",
            moment)
        {
            Kept = check.Choice(element, "kept", "yes", "no") == "yes",
            Pinned = check.Choice(element, "pinned", "yes", "no") == "yes",
            Altered = element.Attribute("altered")?.Value,
            Inside = element.Attribute("inside")?.Value,
        };
    }

    public static XElement Write(TrackingLayer layer) => new(Ns + "layer",
        new XAttribute("id", layer.Id),
        new XAttribute("path", layer.Path),
        layer.BackingId is null ? null : new XAttribute("backing", layer.BackingId),
        layer.FrozenTop is null ? null : new XAttribute("frozen-top", layer.FrozenTop),
        layer.Made ? new XAttribute("made", "yes") : null,
        layer.Facts is { } facts ? Write(facts) : null);

    public static TrackingLayer ReadLayer(XElement element, XmlCheck check)
    {
        check.Attributes(element, "id", "path", "backing", "frozen-top", "made");
        return new TrackingLayer(check.Required(element, "id"), check.Required(element, "path"), element.Attribute("backing")?.Value, element.Attribute("frozen-top")?.Value,
            check.Single(element, Ns + "facts") is { } facts ? ReadFacts(facts, check) : null)
        {
            Made = check.Choice(element, "made", "yes", "no") == "yes",
        };
    }

    private static XElement Write(LayerFacts facts) => new(Ns + "facts",
        new XAttribute("format", facts.Format),
        new XAttribute("device", facts.Device),
        new XAttribute("inode", facts.Inode),
        facts.BackingFile is null ? null : new XAttribute("backing-file", facts.BackingFile),
        facts.BackingFormat is null ? null : new XAttribute("backing-format", facts.BackingFormat),
        facts.Length is null ? null : new XAttribute("length", facts.Length),
        facts.Modified is null ? null : new XAttribute("modified", facts.Modified));

    private static LayerFacts ReadFacts(XElement element, XmlCheck check)
    {
        check.Attributes(element, "format", "device", "inode", "backing-file", "backing-format", "length", "modified");
        return new LayerFacts(
            check.Required(element, "format"),
            Identity(element, "device", check),
            Identity(element, "inode", check),
            element.Attribute("backing-file")?.Value,
            element.Attribute("backing-format")?.Value,
            element.Attribute("length") is null ? null : Number(element, "length", check),
            element.Attribute("modified") is null ? null : Number(element, "modified", check));
    }

    private static XElement Write(SegmentSource source) => source switch
    {
        SegmentSource.Bitmap bitmap => new XElement(BitmapName,
            new XAttribute("layer", bitmap.LayerId),
            new XAttribute("name", bitmap.Name),
            bitmap.SidecarId is null ? null : new XAttribute("sidecar", bitmap.SidecarId)),
        SegmentSource.Sidecar sidecar => new XElement(SidecarName, new XAttribute("id", sidecar.SidecarId)),
        SegmentSource.Lost lost => new XElement(Ns + "lost", new XAttribute("reason", lost.Reason)),
        _ => throw new InvalidOperationException($"A source of kind {source.GetType().Name} has no element."),
    };

    private static SegmentSource ReadSource(XElement element, XmlCheck check)
    {
        if (element.Name == BitmapName)
        {
            check.Attributes(element, "layer", "name", "sidecar");
            return new SegmentSource.Bitmap(check.Required(element, "layer"), check.Required(element, "name"), SafeId(element, "sidecar", check));
        }

        if (element.Name == SidecarName)
        {
            check.Attributes(element, "id");
            return new SegmentSource.Sidecar(SafeId(element, "id", check) ?? check.Required(element, "id"));
        }

        // An element that is not known must never make an answer smaller.
        return element.Name == Ns + "lost"
            ? new SegmentSource.Lost(check.Required(element, "reason"))
            : throw check.Broken(element, "a point may have only <bitmap>, <sidecar> and <lost>");
    }

    // It becomes a file's name.
    private static string? SafeId(XElement element, string attribute, XmlCheck check) =>
        element.Attribute(attribute) is not { } given ? null
        : given.Value.Length is > 0 and <= 64 && given.Value.All(char.IsAsciiLetterOrDigit) ? given.Value
        : throw check.Broken(given, $"{XmlErrors.Quote(given.Value)} is not an id of a sidecar");

    private static ulong Identity(XElement element, string attribute, XmlCheck check) =>
        ulong.TryParse(check.Required(element, attribute), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            ? number : throw check.Broken(element.Attribute(attribute)!, $"'{attribute}' must be a number");

    private static long Number(XElement element, string attribute, XmlCheck check) =>
        check.Number(element.Attribute(attribute) ?? (XObject)element, check.Required(element, attribute), 0, long.MaxValue);
}
