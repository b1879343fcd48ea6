using System.Globalization;
using System.Xml.Linq;
using MomentTools.Errors;

namespace MomentTools.Xml;

/// <summary>
/// The rules that documents of ours and libvirt's share: which elements and attributes there may be, how often, and
/// with what values. Every broken rule is told with source, line and element.
/// </summary>
/// <param name="source">What the messages call the document.</param>
internal sealed class XmlCheck(string source)
{
    public string Source => source;

    /// <summary>The error for a rule that only the caller knows.</summary>
    /// <param name="rule">The rule in plain words, without a full stop.</param>
    public MomentException Broken(XObject where, string rule, ErrorId? id = null) => XmlErrors.RuleBroken(source, where, rule, id);

    public void Root(XElement root, string name)
    {
        if (root.Name != name)
            throw Broken(root, $"the root element must be <{name}>");
    }

    /// <summary>Checks that an element has only the child elements it may have, and no text beside them.</summary>
    /// <param name="once">Names that may be there once: 64 at most.</param>
    /// <param name="many">Names that may be repeated.</param>
    /// <param name="unknown">Collects elements of other names; without it they are refused.</param>
    public void Content(XElement parent, IReadOnlyList<string> once, IReadOnlyList<string>? many = null, ICollection<XElement>? unknown = null)
    {
        // Plain loops here and below: these rules are gone through for each of the thousands of files of a list.
        ulong seen = 0;
        for (XNode? node = parent.FirstNode; node is not null; node = node.NextNode)
        {
            if (node is XText text && !IsBlank(text.Value))
                throw Broken(text, $"text may not stand beside the elements of {XmlErrors.Tag(parent)}");
            if (node is not XElement child)
                continue;
            string name = child.Name.ToString();
            if (IndexOf(once, name) is >= 0 and int index)
            {
                ulong bit = 1UL << index;
                if ((seen & bit) != 0)
                    throw Broken(child, $"it may be there only once in {XmlErrors.Tag(parent)}");
                seen |= bit;
            }
            else if (many is null || IndexOf(many, name) < 0)
            {
                if (unknown is null)
                    throw Broken(child, $"{XmlErrors.Tag(parent)} may have only {List([.. once, .. many ?? []])}");
                unknown.Add(child);
            }
        }
    }

    /// <summary>Checks that an element has no attributes but these.</summary>
    public void Attributes(XElement element, params IReadOnlyList<string> allowed)
    {
        for (XAttribute? attribute = element.FirstAttribute; attribute is not null; attribute = attribute.NextAttribute)
            if (!attribute.IsNamespaceDeclaration && IndexOf(allowed, attribute.Name.ToString()) < 0)
                throw Broken(attribute, $"the attribute {XmlErrors.Quote(attribute.Name.ToString())} is unknown here; {(allowed.Count == 0 ? "there may be none" : "there may be " + string.Join(", ", allowed))}");
    }

    /// <summary>The value of an attribute that must be there and not be empty.</summary>
    public string Required(XElement element, string attribute) =>
        element.Attribute(attribute)?.Value is { Length: > 0 } value ? value : throw Broken(element, $"the attribute '{attribute}' is missing or empty");

    /// <summary>The child element that must be there, once.</summary>
    public XElement RequiredElement(XElement parent, string name) =>
        Single(parent, name) ?? throw Broken(parent, $"the element <{name}> is missing");

    /// <summary>The child element, if it is there; two of them are refused.</summary>
    public XElement? Single(XElement parent, XName name)
    {
        XElement? found = null;
        foreach (XElement child in parent.Elements(name))
            found = found is null ? child : throw Broken(child, $"it may be there only once in {XmlErrors.Tag(parent)}");
        return found;
    }

    /// <summary>The text of an element that may have nothing but text; attributes are the caller's business.</summary>
    public string Text(XElement leaf) =>
        leaf.HasElements && leaf.Elements().First() is { } child ? throw Broken(child, $"{XmlErrors.Tag(leaf)} may have text only") : leaf.Value;

    /// <summary>A whole number between two bounds; blanks around it are ignored as XML Schema does.</summary>
    public long Number(XObject where, string text, long least, long most) =>
        long.TryParse(text.Trim(' ', '\t', '\n', '\r'), NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number >= least && number <= most
            ? number
            : throw Broken(where, $"{XmlErrors.Quote(text)} is not a whole number from {least} to {most}");

    /// <summary>The value of an attribute that, where it is there, must be one of these words.</summary>
    public string? Choice(XElement element, string attribute, params IReadOnlyList<string> words)
    {
        if (element.Attribute(attribute) is not { } given)
            return null;
        return IndexOf(words, given.Value) >= 0
            ? given.Value
            : throw Broken(given, $"the attribute '{attribute}' must be {string.Join(" or ", words.Select(word => $"'{word}'"))}, not {XmlErrors.Quote(given.Value)}");
    }

    /// <summary>A UUID, with hyphens or without.</summary>
    public Guid Uuid(XObject where, string text) =>
        Guid.TryParseExact(text, "D", out Guid uuid) || Guid.TryParseExact(text, "N", out uuid)
            ? uuid
            : throw Broken(where, $"{XmlErrors.Quote(text)} is not a UUID");

    /// <summary>True for an element that has nothing in it; anything else is refused.</summary>
    public bool Empty(XElement element)
    {
        Attributes(element);
        Content(element, []);
        return true;
    }

    /// <summary>The attribute <c>name</c> of a moment's disk: a target like vda, or the absolute path of its source.</summary>
    public string DiskName(XElement disk)
    {
        string name = Required(disk, "name");
        return DomainDisk.IsTarget(name) || IsAbsolutePath(name)
            ? name
            : throw Broken(disk.Attribute("name")!, $"the disk {XmlErrors.Quote(name)} is neither a target, like vda, nor an absolute path");
    }

    /// <summary>Reads disks, each of which may be named once.</summary>
    public List<T> Disks<T>(IEnumerable<XElement> elements, Func<XElement, T> read, Func<T, string> nameOf)
    {
        List<T> all = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (XElement element in elements)
        {
            T disk = read(element);
            if (!names.Add(nameOf(disk)))
                throw Broken(element, $"the disk {XmlErrors.Quote(nameOf(disk))} is named twice", XmlErrors.DiskNamedTwice);
            all.Add(disk);
        }

        return all;
    }

    /// <summary>The value of an attribute that must be an absolute path, by the rule of libvirt's schema.</summary>
    public string AbsolutePath(XAttribute attribute) => IsAbsolutePath(attribute.Value)
        ? attribute.Value
        : throw Broken(attribute, $"the attribute '{attribute.Name}' must be an absolute path, not {XmlErrors.Quote(attribute.Value)}");

    /// <summary>The path of an element that has a file, and nothing else.</summary>
    public string OnlyFile(XElement element)
    {
        Attributes(element, "file");
        Content(element, []);
        Required(element, "file");
        return AbsolutePath(element.Attribute("file")!);
    }

    /// <summary>Whether a text has only the four characters that XML calls white space.</summary>
    public static bool IsBlank(string text) => text.AsSpan().IndexOfAnyExcept(" \t\n\r") < 0;

    // What libvirt's schema calls an absolute path: more than a slash, and all in one line.
    private static bool IsAbsolutePath(string path) => path.Length > 1 && path[0] == '/' && path.AsSpan().IndexOfAny('\r', '\n') < 0;

    /// <summary>Where a word stands in a short list, or -1.</summary>
    private static int IndexOf(IReadOnlyList<string> words, string word)
    {
        for (int index = 0; index < words.Count; index++)
        {
            if (string.Equals(words[index], word))
                return index;
        }

        return -1;
    }

    private static string List(IReadOnlyList<string> names) => names.Count == 0 ? "text" : string.Join(", ", names.Select(name => $"<{name}>"));
}
