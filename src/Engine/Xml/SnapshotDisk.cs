using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>One <c>&lt;disk&gt;</c> of a snapshot (formatsnapshot).</summary>
/// <param name="Name">The disk's target, or in a document not yet aligned to its domain the path of its source.</param>
/// <param name="Mode">What is done with it; null where the document does not say.</param>
/// <param name="Type">file, block or network; null where the document does not say, which means file.</param>
/// <param name="DriverFormat">The format of the new layer; null where the document does not say.</param>
/// <param name="SourcePath">The file or block device of the new layer; null where it is not said or is neither.</param>
internal sealed record SnapshotDisk(string Name, SnapshotMode? Mode, string? Type = null, string? DriverFormat = null, string? SourcePath = null)
{
    /// <summary>The <c>&lt;source&gt;</c> as it was read, for what it says beside the path (labels, encryption, hosts, …).</summary>
    public XElement? Source { get; init; }

    /// <summary>The <c>&lt;driver&gt;</c> as it was read, for what it says beside the format (the cache of metadata).</summary>
    public XElement? Driver { get; init; }

    /// <summary>Whether libvirt was deleting the snapshot of this disk when it wrote the document.</summary>
    public bool DeleteInProgress { get; init; }

    /// <summary>The mode that libvirt takes it for: a new layer alone says that it is external.</summary>
    public SnapshotMode? MeantMode => Mode ?? (SourcePath ?? DriverFormat) switch { null => null, _ => SnapshotMode.External };

    public static SnapshotDisk Read(XElement disk, XmlCheck check)
    {
        check.Attributes(disk, "name", "snapshot", "type");
        check.Content(disk, ["driver", "source", "snapshotDeleteInProgress"]);
        SnapshotMode? mode = check.Choice(disk, "snapshot", "no", "internal", "external", "manual") switch
        {
            null => null,
            "no" => SnapshotMode.No,
            "internal" => SnapshotMode.Internal,
            "external" => SnapshotMode.External,
            _ => SnapshotMode.Manual,
        };
        string? type = check.Choice(disk, "type", "file", "block", "network");
        if (mode is SnapshotMode.No or SnapshotMode.Internal or SnapshotMode.Manual && (disk.HasElements || type is not null))
            throw check.Broken(disk, $"a disk with snapshot='{Word(mode.Value)}' may have no type and no elements; those are for snapshot='external'");
        return new SnapshotDisk(check.DiskName(disk), mode, type)
        {
            DeleteInProgress = disk.Element("snapshotDeleteInProgress") is { } deleting && check.Empty(deleting),
        }.WithNewLayer(disk, check);
    }

    /// <summary>The element as libvirt writes it.</summary>
    /// <param name="secure">With the cookies of a network source.</param>
    public XElement ToElement(bool secure) => new("disk",
        new XAttribute("name", Name),
        Mode is { } mode ? new XAttribute("snapshot", Word(mode)) : null,
        Type is null ? null : new XAttribute("type", Type),
        Driver is null && DriverFormat is null ? null : With(Driver ?? new XElement("driver"), "type", DriverFormat),
        Source is null && SourcePath is null ? null : WriteSource(secure),
        DeleteInProgress ? new XElement("snapshotDeleteInProgress") : null);

    /// <summary>libvirt's word for a mode.</summary>
    public static string Word(SnapshotMode mode) => mode switch
    {
        SnapshotMode.No => "no",
        SnapshotMode.Internal => "internal",
        SnapshotMode.External => "external",
        _ => "manual",
    };

    private SnapshotDisk WithNewLayer(XElement disk, XmlCheck check)
    {
        XElement? source = disk.Element("source");
        XElement? driver = disk.Element("driver");
        if (source is not null)
            SnapshotSource.Check(source, Type ?? "file", check);
        else if (Type == "network")
            throw check.Broken(disk, "a disk with type='network' needs the element <source>");
        if (driver is not null)
            CheckDriver(driver, check);
        return this with
        {
            // Only what the typed values do not say: then equal documents are equal records.
            Driver = driver is { HasElements: true } ? new XElement(driver) : null,
            DriverFormat = driver?.Attribute("type")?.Value,
            Source = source is not null && (source.HasElements || Type == "network" || source.Attributes().Count() > 1) ? new XElement(source) : null,
            SourcePath = Type == "network" ? null : source?.Attribute(DomainDisk.PathAttribute(Type ?? "file"))?.Value,
        };
    }

    private static void CheckDriver(XElement driver, XmlCheck check)
    {
        check.Attributes(driver, "type");
        check.Content(driver, ["metadata_cache"]);
        check.Choice(driver, "type", "cow", "qcow", "qcow2", "qed", "vmdk");
        if (driver.Element("metadata_cache") is not { } cache)
            return;
        check.Attributes(cache);
        check.Content(cache, ["max_size"]);
        if (cache.Element("max_size") is not { } size)
            return;
        check.Attributes(size, "unit");
        ByteSize.Read(size, check);
    }

    private XElement WriteSource(bool secure)
    {
        XElement source = Type == "network" ? new XElement(Source!) : With(Source ?? new XElement("source"), DomainDisk.PathAttribute(Type ?? "file"), SourcePath);
        if (!secure)
            source.Elements("cookies").Remove();
        return source;
    }

    private static XElement With(XElement kept, string attribute, string? value)
    {
        var copy = new XElement(kept);
        copy.SetAttributeValue(attribute, value);
        return copy;
    }
}
