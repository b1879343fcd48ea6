using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>What libvirt's documents of checkpoints and snapshots have in common (formatcheckpoint, formatsnapshot).</summary>
internal abstract record MomentDocument
{
    // The last second that a DateTimeOffset can hold (31 December 9999).
    private const long LatestCreationTime = 253_402_300_799;

    /// <summary>The names of the elements that all kinds have.</summary>
    protected static readonly IReadOnlyList<string> Shared = ["name", "description", "parent", "creationTime", "domain"];

    protected MomentDocument()
    {
    }

    /// <summary>Reads what the kinds share, and checks that there is nothing else but the kind's own elements.</summary>
    /// <param name="rootName">The name that the root element must have.</param>
    /// <param name="known">The names of all elements that the kind knows, each of which may be there once.</param>
    /// <param name="nameRule">The rule of <see cref="MomentNames"/> for names of the kind.</param>
    protected MomentDocument(XElement root, string rootName, IReadOnlyList<string> known, Func<string, string?> nameRule, XmlCheck check, XmlOrigin origin)
    {
        check.Root(root, rootName);
        check.Attributes(root);
        List<XElement>? others = origin == XmlOrigin.Store ? [] : null;
        check.Content(root, known, unknown: others);
        Name = ReadName(root.Element("name"), nameRule, check);
        Description = root.Element("description") is { } description ? Plain(description, check) : null;
        // In the store, where moments form one tree, the parent of a checkpoint may be a snapshot.
        ParentName = ReadParent(root.Element("parent"), origin == XmlOrigin.Store ? MomentNames.SnapshotRule : nameRule, check);
        CreationTime = root.Element("creationTime") is { } time ? check.Number(time, Plain(time, check), 0, LatestCreationTime) : null;
        Extension = TakeExtension(others, check);
        Unknown = others ?? [];
    }

    public string? Name { get; init; }

    public string? Description { get; init; }

    public string? ParentName { get; init; }

    /// <summary>Seconds since 1970 in UTC.</summary>
    public long? CreationTime { get; init; }

    /// <summary>The domain as it was at the moment.</summary>
    public DomainDocument? Domain { get; init; }

    /// <summary>The one element of ours (<c>&lt;mt:moment&gt;</c>), kept as it is; only in files of the store.</summary>
    public XElement? Extension { get; init; }

    /// <summary>Elements that this version does not know; only in files of the store, where they survive.</summary>
    public IReadOnlyList<XElement> Unknown { get; init; } = [];

    /// <summary>The disks that the document names, in its order.</summary>
    public abstract IReadOnlyList<string> DiskNames { get; }

    /// <summary>The text of the document in libvirt's order; without the extension it keeps to libvirt's schema.</summary>
    /// <param name="includeDomain">With the definition of the domain.</param>
    /// <param name="secure">With the secrets of the domain.</param>
    /// <param name="includeExtension">With everything of ours, as files of the store have it.</param>
    /// <param name="sizes">Bytes by disk for the attribute <c>size</c> of a checkpoint's disk, which is output only.</param>
    public string ToXml(bool includeDomain = true, bool secure = false, bool includeExtension = false, IReadOnlyDictionary<string, long?>? sizes = null) =>
        XmlOutput.Write(ToElement(includeDomain, secure, includeExtension, sizes), $"moment '{Name}'");

    /// <summary>The document as <see cref="ToXml"/> writes it, to be put into a larger one.</summary>
    public abstract XElement ToElement(bool includeDomain = true, bool secure = false, bool includeExtension = false, IReadOnlyDictionary<string, long?>? sizes = null);

    /// <summary>The text of an element that may have nothing else.</summary>
    protected static string Plain(XElement leaf, XmlCheck check)
    {
        check.Attributes(leaf);
        return check.Text(leaf);
    }

    /// <summary>Reads a list of disks, each of which may be named once.</summary>
    protected static List<T> ReadDisks<T>(XElement disks, XmlCheck check, Func<XElement, T> read, Func<T, string> nameOf)
    {
        check.Attributes(disks);
        check.Content(disks, [], ["disk"]);
        return check.Disks(disks.Elements(), read, nameOf);
    }

    protected IEnumerable<XElement?> NameAndDescription() =>
    [
        Name is null ? null : new XElement("name", Name),
        Description is null ? null : new XElement("description", Description),
    ];

    protected IEnumerable<XElement?> ParentAndTime() =>
    [
        ParentName is null ? null : new XElement("parent", new XElement("name", ParentName)),
        CreationTime is null ? null : new XElement("creationTime", CreationTime),
    ];

    /// <summary>Our element: in front of the domain, so that reading for a list can stop there.</summary>
    protected XElement? ExtensionCopy(bool include) => include && Extension is not null ? new XElement(Extension) : null;

    protected IEnumerable<XElement> UnknownCopies(bool include) => include ? Unknown.Select(element => new XElement(element)) : [];

    private static string? ReadName(XElement? element, Func<string, string?> ruleOf, XmlCheck check)
    {
        if (element is null)
            return null;
        string name = Plain(element, check);
        return ruleOf(name) is { } rule
            ? throw check.Broken(element, $"{XmlErrors.Quote(name)} is not a valid name: {rule}", XmlErrors.MomentNameInvalid)
            : name;
    }

    private static string? ReadParent(XElement? parent, Func<string, string?> ruleOf, XmlCheck check)
    {
        if (parent is null)
            return null;
        check.Attributes(parent);
        check.Content(parent, ["name"]);
        return ReadName(check.RequiredElement(parent, "name"), ruleOf, check);
    }

    private static XElement? TakeExtension(List<XElement>? others, XmlCheck check)
    {
        XElement? found = null;
        foreach (XElement element in others ?? [])
        {
            if (element.Name == XmlNames.Moment)
                found = found is null ? element : throw check.Broken(element, "it may be there only once");
        }

        if (found is not null)
            others!.Remove(found);
        return found;
    }
}
