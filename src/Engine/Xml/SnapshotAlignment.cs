using MomentTools.Errors;

namespace MomentTools.Xml;

/// <summary>
/// Completes what a snapshot says about disks with what its domain has, as libvirt's qemu driver does, and checks the rules that need
/// both. Pure: it looks at documents only.
/// </summary>
internal static class SnapshotAlignment
{
    /// <summary>Whether a document, or the absence of one, means a snapshot inside the images or new layers on top of them.</summary>
    public static SnapshotMode KindOf(SnapshotDocument snapshot, bool wanted) =>
        wanted || snapshot.Memory is { Mode: SnapshotMode.Internal } || snapshot.Disks.Any(disk => disk.MeantMode == SnapshotMode.Internal)
            ? SnapshotMode.Internal : SnapshotMode.External;

    /// <summary>The same snapshot with every disk of the domain, in the domain's order, each with its mode.</summary>
    /// <param name="snapshot">Its name must be there.</param>
    /// <param name="kind">Internal or external.</param>
    /// <param name="listedOnly">Disks that are not named stay out; else they follow the kind.</param>
    public static SnapshotDocument Align(SnapshotDocument snapshot, DomainDocument domain, SnapshotMode kind, bool listedOnly)
    {
        if (snapshot.Name is null)
            throw new ArgumentException("The snapshot has no name yet.", nameof(snapshot));
        Dictionary<string, SnapshotDisk> given = DiskNaming.ByTarget($"Snapshot '{snapshot.Name}'", snapshot.Disks, disk => disk.Name, domain);
        List<SnapshotDisk> aligned = [];
        foreach (DomainDisk disk in domain.Disks)
        {
            bool named = given.TryGetValue(disk.Target, out SnapshotDisk? wish);
            SnapshotMode mode = named ? Named(snapshot, disk, wish!, kind) : listedOnly || IsPassedOver(disk, domain) ? SnapshotMode.No : kind;
            if (mode != SnapshotMode.No && WhyNot(disk, mode) is { } reason)
                throw new MomentException(
                    XmlErrors.SnapshotDiskUnsupported, $"Cannot take snapshot '{snapshot.Name}' of '{domain.Name}': disk '{disk.Target}' {reason}.", disk.Target,
                    disk.Format is null ? "Say the format in the domain's XML: <driver name='qemu' type='qcow2'/>." : "Leave the disk out, by naming the others with -Disk (in XML: snapshot='no').");
            aligned.Add(mode == SnapshotMode.External && wish is not null ? wish with { Name = disk.Target, Mode = mode } : new SnapshotDisk(disk.Target, mode));
        }

        if (!aligned.Exists(disk => disk.Mode != SnapshotMode.No))
            throw new MomentException(
                XmlErrors.SnapshotWithoutDisk, $"Cannot take snapshot '{snapshot.Name}' of '{domain.Name}': no disk takes part, so there would be nothing to go back to.", snapshot.Name,
                "Name at least one disk that the guest can write to.");
        return snapshot with { Disks = aligned };
    }

    /// <summary>Why a disk cannot take part, as the rest of "disk 'vdb' …", or null where it can.</summary>
    public static string? WhyNot(DomainDisk disk, SnapshotMode mode) => disk switch
    {
        { Device: not "disk" } => $"is a {disk.Device}",
        { ReadOnly: true } => "is read-only",
        { SourceType: "file" or "block", SourcePath: null } => "has no medium",
        { SourceType: not ("file" or "block") } => $"is of type {XmlErrors.Quote(disk.SourceType)}, and only files and block devices are supported",
        { HasEncryption: true } => "is encrypted",
        { Format: null } => "does not say its format, and a format is never guessed",
        { Format: not "qcow2" } when mode == SnapshotMode.Internal => $"has the format {XmlErrors.Quote(disk.Format)}, which cannot hold internal snapshots; qcow2 can",
        { Format: not ("qcow2" or "raw") } => $"has the format {XmlErrors.Quote(disk.Format)}; qcow2 and raw are supported",
        _ => null,
    };

    private static SnapshotMode Named(SnapshotDocument snapshot, DomainDisk disk, SnapshotDisk wish, SnapshotMode kind)
    {
        SnapshotMode mode = wish.MeantMode ?? kind;
        if (mode == SnapshotMode.Manual)
            throw new MomentException(
                XmlErrors.SnapshotManual, $"Cannot take snapshot '{snapshot.Name}': disk '{disk.Target}' has snapshot='manual', and nobody would keep its content at the instant.", disk.Target,
                "Take it as 'external' or 'internal', or leave it out with 'no'. Documents that say so are read and kept by Import-VMMoment.");
        if (mode != SnapshotMode.No && mode != kind)
            throw new MomentException(
                XmlErrors.SnapshotModesMixed, $"Cannot take snapshot '{snapshot.Name}': disk '{disk.Target}' is to be '{SnapshotDisk.Word(mode)}' and the snapshot is '{SnapshotDisk.Word(kind)}': it could not be gone back to as a whole.", disk.Target,
                "Let all parts be internal, or all external.");
        if (mode == SnapshotMode.External && wish.DriverFormat is not (null or "qcow2"))
            throw new MomentException(
                XmlErrors.SnapshotDiskUnsupported, $"Cannot take snapshot '{snapshot.Name}': the new layer of disk '{disk.Target}' is to have the format {XmlErrors.Quote(wish.DriverFormat)}; only qcow2 can be a layer.", disk.Target,
                "Leave <driver> out, or say type='qcow2'.");
        if (mode == SnapshotMode.External && wish.Type == "network")
            throw new MomentException(
                XmlErrors.SnapshotDiskUnsupported, $"Cannot take snapshot '{snapshot.Name}': the new layer of disk '{disk.Target}' is to lie on the network; only files are supported.", disk.Target, "Give a file.");
        return mode;
    }

    // What has no content of its own, and what the definition itself keeps out: <disk snapshot='no'>.
    private static bool IsPassedOver(DomainDisk disk, DomainDocument domain) =>
        !disk.HasOwnContent || disk.Device != "disk"
        || domain.Root.Element("devices")?.Elements("disk").FirstOrDefault(element => element.Element("target")?.Attribute("dev")?.Value == disk.Target)?.Attribute("snapshot")?.Value == "no";
}
