using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>One <c>&lt;disk&gt;</c> of a domain (formatdomain, "Hard drives, floppy disks, CDROMs").</summary>
internal sealed record DomainDisk
{
    private const int LongestTarget = 64;

    /// <summary>The name that everything goes by: <c>&lt;target dev='vda'/&gt;</c>.</summary>
    public required string Target { get; init; }

    public string? Bus { get; init; }

    /// <summary>disk, cdrom, floppy or lun.</summary>
    public string Device { get; init; } = "disk";

    /// <summary>file, block, network, …</summary>
    public string SourceType { get; init; } = "file";

    /// <summary>The file or the block device; null for an empty drive and for sources that are neither.</summary>
    public string? SourcePath { get; init; }

    /// <summary>The format that the driver says; null where it is not said, and then it is never guessed.</summary>
    public string? Format { get; init; }

    public bool ReadOnly { get; init; }

    public string? Serial { get; init; }

    public string? Alias { get; init; }

    public string? Cache { get; init; }

    public string? Io { get; init; }

    public string? Discard { get; init; }

    public string? DetectZeroes { get; init; }

    public string? ErrorPolicy { get; init; }

    public string? ReadErrorPolicy { get; init; }

    public bool HasEncryption { get; init; }

    /// <summary>
    /// Whether anything can change in it: not in an empty drive, nor where nothing is written. Where all disks are meant, libvirt passes over
    /// the others without a word.
    /// </summary>
    public bool HasOwnContent => !ReadOnly && this is not { SourceType: "file" or "block", SourcePath: null };

    /// <summary>The layers below, from the upper to the lower, as far as the document names them.</summary>
    public IReadOnlyList<DomainBackingStore> BackingStore { get; init; } = [];

    /// <summary>Reads a <c>&lt;disk&gt;</c>: lenient about what we do not use, strict about what we do.</summary>
    public static DomainDisk Read(XElement disk, XmlCheck check)
    {
        XElement? driver = check.Single(disk, "driver");
        XElement? source = check.Single(disk, "source");
        string sourceType = disk.Attribute("type")?.Value ?? "file";
        string device = check.Choice(disk, "device", "disk", "cdrom", "floppy", "lun") ?? "disk";
        return new DomainDisk
        {
            Target = ReadTarget(disk, check),
            Bus = disk.Element("target")!.Attribute("bus")?.Value,
            Device = device,
            SourceType = sourceType,
            SourcePath = ReadPath(source, sourceType),
            Format = driver?.Attribute("type")?.Value,
            ReadOnly = device == "cdrom" || disk.Element("readonly") is not null,
            Serial = check.Single(disk, "serial") is { } serial ? check.Text(serial) : null,
            Alias = disk.Element("alias")?.Attribute("name")?.Value,
            Cache = driver?.Attribute("cache")?.Value,
            Io = driver?.Attribute("io")?.Value,
            Discard = driver?.Attribute("discard")?.Value,
            DetectZeroes = driver?.Attribute("detect_zeroes")?.Value,
            ErrorPolicy = driver?.Attribute("error_policy")?.Value,
            ReadErrorPolicy = driver?.Attribute("rerror_policy")?.Value,
            HasEncryption = disk.Element("encryption") is not null || source?.Element("encryption") is not null,
            BackingStore = [.. ReadBackingStore(disk, check)],
        };
    }

    /// <summary>The disk as an element of libvirt's, for a domain that has no document of its own.</summary>
    public XElement ToElement() => new("disk",
        new XAttribute("type", SourceType),
        new XAttribute("device", Device),
        new XElement("driver", new XAttribute("name", "qemu"), XmlOutput.Attribute("type", Format)),
        SourcePath is null ? null : new XElement("source", new XAttribute(PathAttribute(SourceType), SourcePath)),
        new XElement("target", new XAttribute("dev", Target), XmlOutput.Attribute("bus", Bus)),
        ReadOnly ? new XElement("readonly") : null,
        Serial is null ? null : new XElement("serial", Serial),
        Alias is null ? null : new XElement("alias", new XAttribute("name", Alias)));

    /// <summary>Whether a text can be a target: it becomes part of QEMU's device ids and of overlays' file names, so it has to be plain.</summary>
    public static bool IsTarget(string text) => text.Length is > 0 and <= LongestTarget && char.IsAsciiLetterOrDigit(text[0])
        && MomentNames.IsPlain(text);

    /// <summary>The attribute of <c>&lt;source&gt;</c> that holds the path.</summary>
    public static string PathAttribute(string sourceType) => sourceType == "block" ? "dev" : "file";

    private static string ReadTarget(XElement disk, XmlCheck check)
    {
        XElement element = check.RequiredElement(disk, "target");
        string target = check.Required(element, "dev");
        return IsTarget(target) ? target : throw check.Broken(element, $"{XmlErrors.Quote(target)} is not the name of a disk's target, like vda");
    }

    private static string? ReadPath(XElement? source, string sourceType) =>
        sourceType is "file" or "block" && source?.Attribute(PathAttribute(sourceType))?.Value is { Length: > 0 } path ? path : null;

    private static IEnumerable<DomainBackingStore> ReadBackingStore(XElement disk, XmlCheck check)
    {
        // An empty <backingStore/> says that the chain ends here.
        for (XElement? layer = check.Single(disk, "backingStore"); layer is { HasElements: true }; layer = check.Single(layer, "backingStore"))
        {
            string type = layer.Attribute("type")?.Value ?? "file";
            yield return new DomainBackingStore(ReadPath(check.Single(layer, "source"), type), check.Single(layer, "format")?.Attribute("type")?.Value);
        }
    }
}
