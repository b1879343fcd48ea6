using System.Globalization;
using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>One <c>&lt;disk&gt;</c> of a checkpoint (formatcheckpoint).</summary>
/// <param name="Name">The disk's target, or in a document not yet aligned to its domain the path of its source.</param>
/// <param name="Mode">What is done with it; null where the document does not say.</param>
/// <param name="Bitmap">The bitmap's name; null where the document does not say.</param>
internal sealed record CheckpointDisk(string Name, CheckpointMode? Mode, string? Bitmap)
{
    /// <summary>Reads the element; a size is checked to be a number and otherwise ignored, because it is output only.</summary>
    public static CheckpointDisk Read(XElement disk, string? checkpoint, XmlCheck check)
    {
        check.Attributes(disk, "name", "checkpoint", "bitmap", "size");
        check.Content(disk, []);
        string name = check.DiskName(disk);
        CheckpointMode? mode = check.Choice(disk, "checkpoint", "no", "bitmap") switch
        {
            "no" => CheckpointMode.No,
            "bitmap" => CheckpointMode.Bitmap,
            _ => null,
        };
        if (disk.Attribute("size") is { } size && (mode == CheckpointMode.No || !IsUnsigned(size.Value)))
            throw check.Broken(size, "the attribute 'size' must be a whole number, and needs checkpoint='bitmap'");
        if (disk.Attribute("bitmap") is not { } bitmap)
            return new CheckpointDisk(name, mode, null);
        if (mode != CheckpointMode.Bitmap)
            throw check.Broken(bitmap, "the attribute 'bitmap' needs checkpoint='bitmap'");
        return bitmap.Value == checkpoint
            ? new CheckpointDisk(name, mode, bitmap.Value)
            : throw check.Broken(bitmap, $"the bitmap for disk {XmlErrors.Quote(name)} must have the checkpoint's name, not {XmlErrors.Quote(bitmap.Value)}");
    }

    /// <summary>The element as libvirt writes it.</summary>
    /// <param name="size">The bytes changed since, where they were asked for and could be known.</param>
    public XElement ToElement(long? size) => new("disk",
        new XAttribute("name", Name),
        Mode is { } mode ? new XAttribute("checkpoint", mode == CheckpointMode.No ? "no" : "bitmap") : null,
        Bitmap is null ? null : new XAttribute("bitmap", Bitmap),
        size is null || Mode == CheckpointMode.No ? null : new XAttribute("size", size));

    // Wider than what we count in: libvirt's schema allows any unsigned long.
    private static bool IsUnsigned(string text) =>
        ulong.TryParse(text.Trim(' ', '\t', '\n', '\r'), NumberStyles.None, CultureInfo.InvariantCulture, out _);
}
