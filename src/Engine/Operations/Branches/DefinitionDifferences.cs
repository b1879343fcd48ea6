using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Operations.Branches;

/// <summary>
/// How a machine's definition differs from what it was: in what the guest could notice. Which image a disk has, the machine's name and words
/// about it, and how the document is laid out are no difference. Pure.
/// </summary>
internal static class DefinitionDifferences
{
    // What only a running machine's document has, or what says nothing about the machine.
    private static readonly string[] Silent = ["name", "uuid", "title", "description", "metadata", "seclabel", "resource"];
    private static readonly string[] SilentOfDisk = ["source", "backingStore", "mirror", "alias"];

    /// <summary>A clause for each difference, as <c>&lt;memory&gt; is another one</c>; empty where there is none.</summary>
    public static IReadOnlyList<string> Find(DomainDocument then, DomainDocument now)
    {
        List<string> found = [];
        if (then.Type != now.Type)
            found.Add($"its type is '{now.Type}', and was '{then.Type}'");
        Compare(Parts(then.Root, Silent), Parts(now.Root, Silent), found);
        Compare(Devices(then.Root), Devices(now.Root), found);
        return found;
    }

    private static void Compare(Dictionary<string, XElement> then, Dictionary<string, XElement> now, List<string> found)
    {
        foreach ((string name, XElement element) in then)
        {
            if (!now.TryGetValue(name, out XElement? other))
                found.Add($"{name} is gone");
            else if (!IsSame(element, other))
                found.Add(Value(element, other) is { } values ? $"{name} is {values}" : $"{name} is another one");
        }

        found.AddRange(now.Keys.Where(name => !then.ContainsKey(name)).Select(name => $"{name} is new"));
    }

    private static Dictionary<string, XElement> Parts(XElement? root, string[] without)
    {
        var parts = new Dictionary<string, XElement>(StringComparer.Ordinal);
        foreach (XElement element in root?.Elements() ?? [])
            if (!without.Contains(element.Name.LocalName, StringComparer.Ordinal) && element.Name.LocalName != "devices")
                Add(parts, XmlErrors.Tag(element), element);
        return parts;
    }

    private static Dictionary<string, XElement> Devices(XElement root)
    {
        var parts = new Dictionary<string, XElement>(StringComparer.Ordinal);
        foreach (XElement element in root.Element("devices")?.Elements() ?? [])
        {
            string name = element.Name.LocalName == "disk" && element.Element("target")?.Attribute("dev")?.Value is { } target ? $"disk '{target}'"
                : element.Element("mac")?.Attribute("address")?.Value is { } mac ? $"<{element.Name.LocalName}> {mac}"
                : XmlErrors.Tag(element);
            Add(parts, name, element.Name.LocalName == "disk" ? WithoutImage(element) : element);
        }

        return parts;
    }

    private static void Add(Dictionary<string, XElement> parts, string name, XElement element)
    {
        string key = name;
        for (int number = 2; !parts.TryAdd(key, element); number++)
            key = $"{name} number {number}";
    }

    // A snapshot gives a disk another image, and with it perhaps another format.
    private static XElement WithoutImage(XElement disk)
    {
        var copy = new XElement(disk);
        copy.SetAttributeValue("type", null);
        copy.Element("driver")?.SetAttributeValue("type", null);
        copy.Elements().Where(element => SilentOfDisk.Contains(element.Name.LocalName, StringComparer.Ordinal)).Remove();
        return copy;
    }

    private static bool IsSame(XElement one, XElement other) =>
        one.Name == other.Name
        && Attributes(one).SequenceEqual(Attributes(other))
        && (one.HasElements || other.HasElements
            ? one.Elements().Count() == other.Elements().Count() && one.Elements().Zip(other.Elements()).All(pair => IsSame(pair.First, pair.Second))
            : one.Value.Trim() == other.Value.Trim());

    private static IEnumerable<(string, string)> Attributes(XElement element) =>
        element.Attributes().Where(attribute => !attribute.IsNamespaceDeclaration).Select(attribute => (attribute.Name.ToString(), attribute.Value)).OrderBy(pair => pair.Item1, StringComparer.Ordinal);

    // Both values, where each is no more than one.
    private static string? Value(XElement then, XElement now) => then.HasElements || now.HasElements || then.Value.Trim() == now.Value.Trim()
        ? null : $"{XmlErrors.Quote(now.Value.Trim())}, and was {XmlErrors.Quote(then.Value.Trim())}";
}
