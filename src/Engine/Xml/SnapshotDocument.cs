using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>A libvirt <c>&lt;domainsnapshot&gt;</c> document (formatsnapshot).</summary>
internal sealed record SnapshotDocument : MomentDocument
{
    public const string RootName = "domainsnapshot";

    // The schema's, and the one more that libvirt's code knows for a machine asleep.
    private static readonly string[] States = ["running", "blocked", "paused", "shutdown", "shutoff", "crashed", "disk-snapshot", "pmsuspended"];

    private static readonly IReadOnlyList<string> Known =
        [.. Shared, "state", "memory", "disks", "revertDisks", "inactiveDomain", "cookie", "active"];

    public SnapshotDocument()
    {
    }

    private SnapshotDocument(XElement root, XmlCheck check, XmlOrigin origin)
        : base(root, RootName, Known, MomentNames.SnapshotRule, check, origin)
    {
        State = root.Element("state") is { } state ? ReadState(state, check) : null;
        Memory = root.Element("memory") is { } memory ? SnapshotMemory.Read(memory, check) : null;
        if (State is "shutoff" or "disk-snapshot" && Memory is { Mode: not SnapshotMode.No })
            throw check.Broken(root.Element("memory")!, $"a snapshot with the state '{State}' has no memory");
        Disks = ReadDisks(root.Element("disks"), check);
        RevertDisks = ReadDisks(root.Element("revertDisks"), check);
        Active = root.Element("active") is { } active ? check.Number(active, Plain(active, check), 0, 1) == 1 : null;
        Cookie = root.Element("cookie") is { } cookie ? ReadCookie(cookie, check) : null;
        if (root.Element("domain") is { } domain)
        {
            if (IsUuidOnly(domain))
                DomainUuid = ReadUuid(domain, check);
            else
                Domain = DomainDocument.FromElement(domain, check.Source);
        }

        if (root.Element("inactiveDomain") is { } inactive)
            InactiveDomain = DomainDocument.FromElement(inactive, check.Source, DomainDocument.InactiveName);
    }

    /// <summary>libvirt's word for what the machine did: running, paused, shutoff, disk-snapshot, …</summary>
    public string? State { get; init; }

    public SnapshotMemory? Memory { get; init; }

    /// <summary>The disks named; those left out follow the domain.</summary>
    public IReadOnlyList<SnapshotDisk> Disks { get; init; } = [];

    /// <summary>The layers that were made when libvirt went back to this snapshot (since libvirt 9.9).</summary>
    public IReadOnlyList<SnapshotDisk> RevertDisks { get; init; } = [];

    /// <summary>The definition for the next start, where it differed from that of the running machine.</summary>
    public DomainDocument? InactiveDomain { get; init; }

    /// <summary>The domain's UUID, where an old document has nothing more of the domain (libvirt before 0.9.5).</summary>
    public Guid? DomainUuid { get; init; }

    /// <summary>What libvirt needs to load the memory and has no place for in the domain; kept as it is.</summary>
    public XElement? Cookie { get; init; }

    /// <summary>Whether the snapshot was the current one; only in libvirt's own older files.</summary>
    public bool? Active { get; init; }

    public override IReadOnlyList<string> DiskNames => [.. Disks.Select(disk => disk.Name)];

    public static SnapshotDocument Parse(string text, string source, XmlOrigin origin) =>
        FromElement(XmlSource.Parse(text, source).Root!, source, origin);

    public static SnapshotDocument Load(string path, XmlOrigin origin) => FromElement(XmlSource.ReadFile(path).Root!, path, origin);

    /// <summary>Reads a <c>&lt;domainsnapshot&gt;</c> that may lie in a larger document; its domains are taken out of there.</summary>
    public static SnapshotDocument FromElement(XElement root, string source, XmlOrigin origin) => new(root, new XmlCheck(source), origin);

    public override XElement ToElement(bool includeDomain = true, bool secure = false, bool includeExtension = false, IReadOnlyDictionary<string, long?>? sizes = null) =>
        new(RootName,
            NameAndDescription(),
            State is null ? null : new XElement("state", State),
            ParentAndTime(),
            Memory?.ToElement(),
            WriteDisks("disks", Disks, secure),
            WriteDisks("revertDisks", RevertDisks, secure),
            ExtensionCopy(includeExtension),
            includeDomain ? DomainCopies(secure, includeExtension) : null,
            Cookie is null ? null : new XElement(Cookie),
            Active is { } active ? new XElement("active", active ? 1 : 0) : null,
            UnknownCopies(includeExtension));

    private static string ReadState(XElement element, XmlCheck check)
    {
        string state = Plain(element, check);
        return States.Contains(state, StringComparer.Ordinal)
            ? state
            : throw check.Broken(element, $"{XmlErrors.Quote(state)} is not a state; there are {string.Join(", ", States)}");
    }

    private static List<SnapshotDisk> ReadDisks(XElement? disks, XmlCheck check) =>
        disks is null ? [] : ReadDisks(disks, check, disk => SnapshotDisk.Read(disk, check), disk => disk.Name);

    private static XElement? WriteDisks(string name, IReadOnlyList<SnapshotDisk> disks, bool secure) =>
        disks.Count == 0 ? null : new XElement(name, disks.Select(disk => disk.ToElement(secure)));

    private static XElement ReadCookie(XElement cookie, XmlCheck check)
    {
        check.Attributes(cookie);
        return cookie.Nodes().OfType<XText>().FirstOrDefault(text => !XmlCheck.IsBlank(text.Value)) is { } text
            ? throw check.Broken(text, "text may not stand beside the elements of <cookie>")
            : new XElement(cookie);
    }

    private static bool IsUuidOnly(XElement domain) => !domain.HasAttributes && domain.Elements().Count() == 1 && domain.Element("uuid") is not null;

    private static Guid ReadUuid(XElement domain, XmlCheck check)
    {
        check.Content(domain, ["uuid"]);
        XElement uuid = domain.Element("uuid")!;
        return check.Uuid(uuid, Plain(uuid, check));
    }

    private IEnumerable<XElement?> DomainCopies(bool secure, bool ours)
    {
        yield return Domain?.ToElement(secure, ours)
            ?? (DomainUuid is { } uuid ? new XElement("domain", new XElement("uuid", uuid.ToString("D"))) : null);
        yield return InactiveDomain?.ToElement(secure, ours);
    }
}
