using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>What the documents of block snapshots and block exports have in common.</summary>
internal static class ServiceXml
{
    private const string Wrapper = "disks";

    /// <summary>Checks which elements the root has.</summary>
    /// <param name="once">The document's own elements beside the disks.</param>
    /// <param name="ours">The one element of our namespace, which only files of the store have.</param>
    /// <returns>That element.</returns>
    public static XElement? Content(XElement root, IReadOnlyList<string> once, XName ours, XmlOrigin origin, XmlCheck check)
    {
        check.Content(root, origin == XmlOrigin.Store ? [.. once, Wrapper, ours.ToString()] : [.. once, Wrapper], ["disk"]);
        return root.Element(ours);
    }

    /// <summary>Reads the disks, each of which may be named once: they stand in the root, or in <c>&lt;disks&gt;</c> there.</summary>
    public static IReadOnlyList<T> Disks<T>(XElement root, XmlCheck check, Func<XElement, T> read, Func<T, string> nameOf)
    {
        XElement? wrapper = root.Element(Wrapper);
        if (wrapper is null)
            return check.Disks(root.Elements("disk"), read, nameOf);
        check.Attributes(wrapper);
        check.Content(wrapper, [], ["disk"]);
        if (root.Element("disk") is { } beside)
            throw check.Broken(beside, "disks stand either all in <disks> or all beside it");
        return wrapper.HasElements
            ? check.Disks(wrapper.Elements(), read, nameOf)
            : throw check.Broken(wrapper, "it must name at least one disk; leave it out to mean all disks");
    }

    /// <summary>Refuses two disks with the same value of something that each needs for itself.</summary>
    public static void RefuseTwice<T>(XElement root, IReadOnlyList<T> disks, Func<T, string?> valueOf, Func<T, string> nameOf, string what, XmlCheck check)
    {
        var first = new Dictionary<string, T>(StringComparer.Ordinal);
        foreach (T disk in disks)
        {
            if (valueOf(disk) is not { } value || first.TryAdd(value, disk))
                continue;
            XElement where = root.Descendants("disk").Last(element => element.Attribute("name")!.Value == nameOf(disk));
            throw check.Broken(where, $"the disks {XmlErrors.Quote(nameOf(first[value]))} and {XmlErrors.Quote(nameOf(disk))} have {what} {XmlErrors.Quote(value)} both");
        }
    }
}
