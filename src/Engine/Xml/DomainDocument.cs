using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>
/// A libvirt <c>&lt;domain&gt;</c> document (formatdomain): typed views over the kept document, of which nothing is
/// lost. It is never changed; each <c>With…</c> gives a changed copy.
/// </summary>
internal sealed class DomainDocument
{
    /// <summary>The root element of a definition for the next start, inside a snapshot of a running machine.</summary>
    public const string InactiveName = "inactiveDomain";

    private const long MostVirtualCpus = 1 << 16;

    private DomainDocument(XElement root, string source, string rootName = "domain")
    {
        Source = source;
        Root = root;
        var check = new XmlCheck(source);
        check.Root(root, rootName);
        Type = check.Required(root, "type");
        XElement name = check.RequiredElement(root, "name");
        Name = check.Text(name);
        if (MomentNames.DomainRule(Name) is { } rule)
            throw check.Broken(name, $"{XmlErrors.Quote(Name)} cannot be the name of a domain: {rule}", XmlErrors.DomainNameInvalid);
        Uuid = check.Single(root, "uuid") is { } uuid ? check.Uuid(uuid, check.Text(uuid)) : null;
        MemoryBytes = check.Single(root, "memory") is { } memory ? ByteSize.Read(memory, check) : 0;
        CurrentMemoryBytes = check.Single(root, "currentMemory") is { } current ? ByteSize.Read(current, check) : MemoryBytes;
        VirtualCpus = check.Single(root, "vcpu") is { } vcpu ? (int)check.Number(vcpu, check.Text(vcpu), 1, MostVirtualCpus) : 1;
        XElement? devices = check.Single(root, "devices");
        Emulator = devices is not null && check.Single(devices, "emulator") is { } emulator ? check.Text(emulator) : null;
        Disks = ReadDisks(devices, check);
        (QemuArguments, QemuEnvironment) = ReadQemuCommandLine(check.Single(root, XmlNames.Qemu + "commandline"), check);
        Monitor = OurElement(root)?.Attribute("monitor")?.Value;
    }

    public string Name { get; }

    public Guid? Uuid { get; }

    /// <summary>The kind of accelerator: <c>kvm</c>, or <c>qemu</c> for emulation.</summary>
    public string Type { get; }

    /// <summary>The memory at the start, in bytes; 0 where the document does not say.</summary>
    public long MemoryBytes { get; }

    /// <summary>The memory that the balloon leaves to the guest, in bytes.</summary>
    public long CurrentMemoryBytes { get; }

    public int VirtualCpus { get; }

    public IReadOnlyList<DomainDisk> Disks { get; }

    public string? Emulator { get; }

    /// <summary>The arguments of <c>&lt;qemu:commandline&gt;</c>, as given.</summary>
    public IReadOnlyList<string> QemuArguments { get; }

    /// <summary>The environment of <c>&lt;qemu:commandline&gt;</c>.</summary>
    public IReadOnlyDictionary<string, string> QemuEnvironment { get; }

    /// <summary>The monitor of a machine that somebody else started; kept in an element of ours in <c>&lt;metadata&gt;</c>.</summary>
    public string? Monitor { get; }

    /// <summary>The document itself, to read and to copy, never to change.</summary>
    public XElement Root { get; }

    /// <summary>What the messages call the document.</summary>
    public string Source { get; }

    public static DomainDocument Parse(string text, string source) => FromElement(XmlSource.Parse(text, source).Root!, source);

    public static DomainDocument Load(string path) => FromElement(XmlSource.ReadFile(path).Root!, path);

    /// <summary>Reads a <c>&lt;domain&gt;</c> that lay in a larger document, and takes it out of there.</summary>
    /// <param name="rootName">The name of the element: another one in a snapshot.</param>
    public static DomainDocument FromElement(XElement root, string source, string rootName = "domain")
    {
        if (root.Parent is not null)
            root.Remove();
        return new DomainDocument(root, source, rootName);
    }

    /// <summary>The document of a machine that was attached without one: what libvirt's schema requires, and its disks.</summary>
    /// <param name="machine">QEMU's machine type, or null for its default.</param>
    public static DomainDocument Minimal(string type, string name, Guid uuid, long memoryKiB, string? machine, IEnumerable<DomainDisk> disks)
    {
        MomentNames.CheckDomain(name);
        var root = new XElement("domain",
            new XAttribute("type", type),
            new XElement("name", name),
            new XElement("uuid", uuid.ToString("D")),
            new XElement("memory", new XAttribute("unit", "KiB"), memoryKiB),
            new XElement("os", new XElement("type", machine is null ? null : new XAttribute("machine", machine), "hvm")),
            new XElement("devices", disks.Select(disk => disk.ToElement())));
        return new DomainDocument(root, $"domain '{name}'");
    }

    public DomainDisk? FindDisk(string target) => Disks.FirstOrDefault(disk => string.Equals(disk.Target, target, StringComparison.Ordinal));

    public DomainDocument WithMonitor(string address)
    {
        ArgumentException.ThrowIfNullOrEmpty(address);
        return Changed(root =>
        {
            XElement? ours = OurElement(root);
            if (ours is null)
            {
                XElement? metadata = root.Element("metadata");
                if (metadata is null)
                    LastOf(root, "name", "uuid", "genid", "title", "description").AddAfterSelf(metadata = new XElement("metadata"));
                metadata.Add(ours = new XElement(XmlNames.Moments + "domain", new XAttribute(XNamespace.Xmlns + "mt", XmlNames.Moments)));
            }

            ours.SetAttributeValue("monitor", address);
        });
    }

    public DomainDocument WithName(string name)
    {
        MomentNames.CheckDomain(name);
        return Changed(root => root.Element("name")!.ReplaceNodes(name));
    }

    public DomainDocument WithUuid(Guid uuid) => Changed(root =>
    {
        if (root.Element("uuid") is { } element)
            element.ReplaceNodes(uuid.ToString("D"));
        else
            root.Element("name")!.AddAfterSelf(new XElement("uuid", uuid.ToString("D")));
    });

    /// <summary>The same machine with these disks; one that is the same as before keeps its element, with all that it says.</summary>
    public DomainDocument WithDisks(IReadOnlyList<DomainDisk> disks) => Changed(root =>
    {
        XElement devices = root.Element("devices") ?? throw new InvalidOperationException("The document has no <devices>.");
        var known = Disks.Zip(devices.Elements("disk"), (disk, element) => (disk, element)).ToDictionary(pair => pair.disk.Target, StringComparer.Ordinal);
        devices.Elements("disk").Remove();
        devices.AddFirst(disks.Select(disk =>
            known.TryGetValue(disk.Target, out (DomainDisk Disk, XElement Element) old) && (old.Disk.SourcePath, old.Disk.Format, old.Disk.Alias) == (disk.SourcePath, disk.Format, disk.Alias)
                ? old.Element : disk.ToElement()));
    });

    /// <summary>Gives a disk another top layer; what the document said of the layers below is no longer true and goes.</summary>
    /// <param name="sourceType"><c>file</c> or <c>block</c>.</param>
    public DomainDocument WithDiskSource(string target, string path, string format, string sourceType = "file")
    {
        if (FindDisk(target) is null)
            throw DiskNaming.Unknown(target, this);
        return Changed(root =>
        {
            XElement disk = root.Element("devices")!.Elements("disk").First(disk => disk.Element("target")!.Attribute("dev")!.Value == target);
            XElement? driver = disk.Element("driver");
            if (driver is null)
                disk.AddFirst(driver = new XElement("driver", new XAttribute("name", "qemu")));
            driver.SetAttributeValue("type", format);
            XElement? source = disk.Element("source");
            if (source is null)
                driver.AddAfterSelf(source = new XElement("source"));
            // What a source of another kind held (hosts, cookies) says nothing about a file.
            if (disk.Attribute("type")?.Value is not (null or "file" or "block"))
                source.RemoveAll();
            disk.SetAttributeValue("type", sourceType);
            foreach (string stale in (string[])["file", "dev", "index"])
                source.SetAttributeValue(stale, null);
            source.SetAttributeValue(DomainDisk.PathAttribute(sourceType), path);
            disk.Elements("backingStore").Remove();
        });
    }

    /// <summary>Says what a disk stands on, the uppermost first.</summary>
    public DomainDocument WithBackingStore(string target, IReadOnlyList<(string Path, string Format, bool IsBlockDevice)> layers) => Changed(root =>
    {
        XElement disk = root.Element("devices")!.Elements("disk").First(disk => disk.Element("target")!.Attribute("dev")!.Value == target);
        disk.Elements("backingStore").Remove();
        var below = new XElement("backingStore");
        foreach ((string path, string format, bool isBlockDevice) in layers.Reverse())
        {
            string type = isBlockDevice ? "block" : "file";
            below = new XElement("backingStore", new XAttribute("type", type), new XElement("format", new XAttribute("type", format)), new XElement("source", new XAttribute(DomainDisk.PathAttribute(type), path)), below);
        }

        disk.Element("source")!.AddAfterSelf(below);
    });

    /// <summary>The text of the document.</summary>
    /// <param name="secure">With passwords and cookies; without, they are left out as libvirt leaves them out.</param>
    /// <param name="ours">With our element in <c>&lt;metadata&gt;</c>; without, it is libvirt's alone.</param>
    public string ToXml(bool secure = false, bool ours = true) => XmlOutput.Write(ToElement(secure, ours), $"domain '{Name}'");

    /// <summary>A copy of the document, as <see cref="ToXml"/> writes it.</summary>
    public XElement ToElement(bool secure, bool ours)
    {
        var copy = new XElement(Root);
        if (!secure)
            DomainSecrets.Remove(copy);
        if (!ours)
            RemoveMetadata(copy, XmlNames.Moments + "domain");
        return copy;
    }

    /// <summary>The document without an element of its <c>&lt;metadata&gt;</c>.</summary>
    public DomainDocument WithoutMetadata(XName name) => Changed(root => RemoveMetadata(root, name));

    private static void RemoveMetadata(XElement root, XName name)
    {
        if (root.Element("metadata") is not { } metadata || metadata.Element(name) is null)
            return;
        metadata.Elements(name).Remove();
        if (!metadata.HasElements && XmlCheck.IsBlank(metadata.Value))
            metadata.Remove();
    }

    private static XElement? OurElement(XElement root) => root.Element("metadata")?.Element(XmlNames.Moments + "domain");

    private static XElement LastOf(XElement root, params string[] names) =>
        root.Elements().Last(element => names.Contains(element.Name.ToString(), StringComparer.Ordinal));

    private static List<DomainDisk> ReadDisks(XElement? devices, XmlCheck check)
    {
        List<DomainDisk> disks = [];
        HashSet<string> targets = new(StringComparer.Ordinal);
        foreach (XElement element in devices?.Elements("disk") ?? [])
        {
            DomainDisk disk = DomainDisk.Read(element, check);
            if (!targets.Add(disk.Target))
                throw check.Broken(element, $"a disk with the target '{disk.Target}' is there already");
            disks.Add(disk);
        }

        return disks;
    }

    private static (List<string> Arguments, Dictionary<string, string> Environment) ReadQemuCommandLine(XElement? element, XmlCheck check)
    {
        List<string> arguments = [];
        Dictionary<string, string> environment = new(StringComparer.Ordinal);
        foreach (XElement arg in element?.Elements(XmlNames.Qemu + "arg") ?? [])
            arguments.Add(arg.Attribute("value")?.Value ?? throw check.Broken(arg, "the attribute 'value' is missing"));
        foreach (XElement env in element?.Elements(XmlNames.Qemu + "env") ?? [])
            environment[check.Required(env, "name")] = env.Attribute("value")?.Value ?? "";
        return (arguments, environment);
    }

    private DomainDocument Changed(Action<XElement> change)
    {
        var copy = new XElement(Root);
        change(copy);
        return new DomainDocument(copy, Source, Root.Name.LocalName);
    }
}
