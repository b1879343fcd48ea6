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
        Dictionary<string, CheckpointDisk> given = DiskNaming.ByTarget($"Checkpoint '{checkpoint.Name}'", checkpoint.Disks, disk => disk.Name, domain);
        List<CheckpointDisk> aligned = [];
        foreach (DomainDisk disk in domain.Disks)
        {
            bool tracked = given.TryGetValue(disk.Target, out CheckpointDisk? wish)
                ? wish.Mode != CheckpointMode.No && Trackable(disk, checkpoint, explicitly: true)
                : !checkpoint.DisksGiven && disk.HasOwnContent && (whatCanBe ? WhyNot(disk) is null : Trackable(disk, checkpoint, explicitly: false));
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
