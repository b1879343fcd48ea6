using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>The disks of a machine that becomes another one: those of the backup on their new images, of the others what both may use.</summary>
internal static class CopiedDisks
{
    /// <param name="devices">The element of the copy, changed in place.</param>
    /// <param name="original">The machine as it was.</param>
    /// <param name="disks">The new image of each disk, by target.</param>
    /// <param name="notes">Told what is left out.</param>
    public static void Settle(XElement devices, DomainDocument original, IReadOnlyDictionary<string, (string Path, string Format)> disks, List<string> notes)
    {
        foreach (XElement element in devices.Elements("disk").ToArray())
        {
            DomainDisk disk = original.FindDisk(element.Element("target")!.Attribute("dev")!.Value)!;
            if (disks.TryGetValue(disk.Target, out (string Path, string Format) image))
                Exchange(element, image.Path, image.Format);
            else if (disk.Device is "cdrom" or "floppy")
                Eject(element, disk, notes);
            else if (!disk.ReadOnly || disk.SourcePath is null || !File.Exists(disk.SourcePath))
                LeaveOut(element, disk, notes);
        }
    }

    private static void Exchange(XElement element, string path, string format)
    {
        XElement? driver = element.Element("driver");
        if (driver is null)
            element.AddFirst(driver = new XElement("driver", new XAttribute("name", "qemu")));
        driver.SetAttributeValue("type", format);
        // What was said of the old image (its place in a file, its hosts, the layers below, a job on it) says nothing about the new one.
        foreach (string stale in (string[])["source", "backingStore", "mirror", "auth", "encryption"])
            element.Elements(stale).Remove();
        element.SetAttributeValue("type", "file");
        driver.AddAfterSelf(new XElement("source", new XAttribute("file", path)));
    }

    // The medium of a drive may be shared for reading; one that is written belongs to the first machine.
    private static void Eject(XElement element, DomainDisk disk, List<string> notes)
    {
        if (element.Element("source") is null || disk is { ReadOnly: true, SourcePath: { } there } && Path.Exists(there))
            return;
        element.Elements("source").Remove();
        element.Elements("backingStore").Remove();
        string medium = disk.SourcePath is { } path ? $"'{path}'" : $"a medium of type {disk.SourceType}";
        notes.Add($"The {(disk.Device == "cdrom" ? "CD-ROM" : "floppy")} drive '{disk.Target}' is empty: {medium} {(disk.ReadOnly && disk.SourcePath is not null ? "is not there" : "is not shared with the first machine")}.");
    }

    private static void LeaveOut(XElement element, DomainDisk disk, List<string> notes)
    {
        element.Remove();
        string source = disk.SourcePath is { } path ? $"'{path}'" : $"a source of type {disk.SourceType}";
        notes.Add(disk is { ReadOnly: true, SourcePath: not null }
            ? $"The disk '{disk.Target}' is left out: {source} is not there."
            : $"The disk '{disk.Target}' is left out: it was not restored, and {source} is the first machine's.");
    }
}
