using MomentTools.Errors;

namespace MomentTools.Xml;

/// <summary>
/// Completes what a checkpoint says about disks with what its domain has, as libvirt's qemu driver does, and checks
/// the rules that need both. Pure: it looks at documents only.
/// </summary>
internal static class CheckpointAlignment
{
    /// <summary>The same checkpoint with every disk of the domain, in the domain's order, each with its mode.</summary>
    /// <param name="checkpoint">Its name must be there: bitmaps are called by it.</param>
    /// <param name="whatCanBe">Leave out disks that cannot be tracked, in place of refusing; not those named explicitly.</param>
    public static CheckpointDocument Align(CheckpointDocument checkpoint, DomainDocument domain, bool whatCanBe = false)
    {
        if (checkpoint.Name is null)
            throw new ArgumentException("The checkpoint has no name yet.", nameof(checkpoint));
        Dictionary<string, CheckpointDisk> given = ByTarget(checkpoint, domain);
        List<CheckpointDisk> aligned = [];
        foreach (DomainDisk disk in domain.Disks)
        {
            bool tracked = given.TryGetValue(disk.Target, out CheckpointDisk? wish)
                ? wish.Mode != CheckpointMode.No && Trackable(disk, checkpoint, explicitly: true)
                : !checkpoint.DisksGiven && HasOwnContent(disk) && (whatCanBe ? WhyNot(disk) is null : Trackable(disk, checkpoint, explicitly: false));
            aligned.Add(new CheckpointDisk(disk.Target, tracked ? CheckpointMode.Bitmap : CheckpointMode.No, tracked ? checkpoint.Name : null));
        }

        if (!aligned.Exists(disk => disk.Mode == CheckpointMode.Bitmap))
            throw new MomentException(XmlErrors.CheckpointWithoutDisk, $"Cannot make checkpoint '{checkpoint.Name}' of domain '{domain.Name}': no disk would be tracked, so there would be nothing to compare with later.", checkpoint.Name, "Name at least one writable qcow2 disk.");
        return checkpoint with { Disks = aligned, DisksGiven = true };
    }

    /// <summary>Why the changes of a disk cannot be tracked, as the rest of "disk 'vdb' …", or null where they can.</summary>
    public static string? WhyNot(DomainDisk disk) => disk switch
    {
        { Device: not "disk" } => $"is a {disk.Device}",
        { ReadOnly: true } => "is read-only",
        { SourceType: "file" or "block", SourcePath: null } => "has no medium",
        { HasEncryption: true } => "is encrypted",
        { Format: null } => "does not say its format, and a format is never guessed",
        { Format: not "qcow2" } => $"has the format {XmlErrors.Quote(disk.Format)}, which cannot hold bitmaps; qcow2 can",
        _ => null,
    };

    /// <summary>The error for a disk that the domain does not have; it lists those it has.</summary>
    public static MomentException UnknownDisk(string name, DomainDocument domain) =>
        new(XmlErrors.DiskNotInDomain, $"Domain '{domain.Name}' has no disk {XmlErrors.Quote(name)}.", name, domain.Disks.Count == 0 ? "The domain has no disks at all." : $"Its disks are {string.Join(", ", domain.Disks.Select(disk => disk.Target))}.");

    private static Dictionary<string, CheckpointDisk> ByTarget(CheckpointDocument checkpoint, DomainDocument domain)
    {
        Dictionary<string, CheckpointDisk> given = new(StringComparer.Ordinal);
        foreach (CheckpointDisk disk in checkpoint.Disks)
        {
            string target = Find(disk.Name, domain).Target;
            if (!given.TryAdd(target, disk))
                throw new MomentException(XmlErrors.DiskNamedTwice, $"Checkpoint '{checkpoint.Name}' names the disk '{target}' twice.", target, "Name each disk once, by its target or by its path.");
        }

        return given;
    }

    // As libvirt: by target, or by a path that is the source of exactly one disk.
    private static DomainDisk Find(string name, DomainDocument domain)
    {
        if (domain.FindDisk(name) is { } disk)
            return disk;
        List<DomainDisk> byPath = [.. domain.Disks.Where(disk => string.Equals(disk.SourcePath, name, StringComparison.Ordinal))];
        return byPath.Count == 1 ? byPath[0] : throw UnknownDisk(name, domain);
    }

    // libvirt passes over these without a word when all disks are meant: they have no changes of their own.
    private static bool HasOwnContent(DomainDisk disk) => !disk.ReadOnly && disk is not { SourceType: "file" or "block", SourcePath: null };

    private static bool Trackable(DomainDisk disk, CheckpointDocument checkpoint, bool explicitly)
    {
        if (WhyNot(disk) is not { } reason)
            return true;
        throw new MomentException(
            XmlErrors.CheckpointDiskUnsupported,
            $"Cannot make checkpoint '{checkpoint.Name}': disk '{disk.Target}' {reason}.",
            disk.Target,
            disk.Format is null ? "Say the format in the domain's XML: <driver name='qemu' type='qcow2'/>."
            : explicitly ? "Leave the disk out."
            : "Leave the disk out, by naming the disks to track, or ask for those that can be tracked.");
    }
}
