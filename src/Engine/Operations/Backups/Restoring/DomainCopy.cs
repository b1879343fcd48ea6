using System.Globalization;
using System.Security.Cryptography;
using System.Xml.Linq;
using MomentTools.Operations.Metadata;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// A machine's document made that of another machine, which can run beside the first: a name, a UUID and addresses of its own, its own disks,
/// and nothing of the host's that both would want. What the guest sees stays as it was.
/// </summary>
/// <param name="Domain">The document.</param>
/// <param name="Notes">What is otherwise than the user may expect, a sentence each.</param>
internal sealed record DomainCopy(DomainDocument Domain, IReadOnlyList<string> Notes)
{
    /// <summary>Makes the document; no file is made, and of files only their presence is looked at.</summary>
    /// <param name="original">The machine as it was backed up.</param>
    /// <param name="name">The new name, which is legal and free.</param>
    /// <param name="directory">Where files that the machine writes are to lie.</param>
    /// <param name="disks">The new image of each disk, by target.</param>
    /// <param name="firmware">The new file of the firmware's variables; null where there is none.</param>
    public static DomainCopy Make(
        DomainDocument original, string name, string directory, IReadOnlyDictionary<string, (string Path, string Format)> disks, string? firmware)
    {
        List<string> notes = [];
        DomainDocument domain = original.WithoutMetadata(XmlNames.Moments + "domain").WithoutMetadata(TrackingPackage.Root).WithName(name).WithUuid(Guid.NewGuid());
        XElement root = domain.ToElement(secure: true, ours: true);
        Rename(root, domain.Uuid!.Value);
        if (root.Element("devices") is { } devices)
        {
            CopiedDisks.Settle(devices, original, disks, notes);
            new CopiedDevices(devices, directory, name, notes).Settle();
        }

        Boot(root, firmware, notes);
        string[] given = [.. original.QemuArguments];
        if (given.Length > 0)
            notes.Add($"The arguments in <qemu:commandline> are kept as they are; sockets, ports and files that they name are those of '{original.Name}': {string.Join(' ', given.Select(HostReach.Shown))}");
        return new DomainCopy(DomainDocument.FromElement(root, $"the definition of '{original.Name}' in the backup"), notes);
    }

    // All that tells one machine from the other beside name and UUID.
    private static void Rename(XElement root, Guid uuid)
    {
        root.SetAttributeValue("id", null);
        if (root.Element("genid") is { } generation && generation.Value.Trim().Length > 0)
            generation.Value = Guid.NewGuid().ToString("D");
        foreach (XElement entry in root.Elements("sysinfo").Elements("system").Elements("entry").Where(entry => entry.Attribute("name")?.Value == "uuid"))
            entry.Value = uuid.ToString("D");
        foreach (XElement card in root.Elements("devices").Elements("interface"))
        {
            XElement? mac = card.Element("mac");
            if (mac is null)
                card.AddFirst(mac = new XElement("mac"));
            // QEMU's own prefix, as libvirt's.
            byte[] low = RandomNumberGenerator.GetBytes(3);
            mac.RemoveAttributes();
            mac.SetAttributeValue("address", string.Create(CultureInfo.InvariantCulture, $"52:54:00:{low[0]:x2}:{low[1]:x2}:{low[2]:x2}"));
        }
    }

    private static void Boot(XElement root, string? firmware, List<string> notes)
    {
        if (root.Element("os") is not { } os)
            return;
        foreach (string file in (string[])["loader", "kernel", "initrd", "dtb"])
            if (os.Element(file)?.Value.Trim() is { Length: > 0 } path && !File.Exists(path))
                notes.Add($"The file '{path}' of <{file}> is not there: the machine will not start without it.");
        if (os.Element("loader") is { } loader && loader.Attribute("type")?.Value == "pflash" && loader.Attribute("readonly")?.Value is not (null or "yes"))
        {
            loader.SetAttributeValue("readonly", "yes");
            notes.Add($"The firmware '{loader.Value.Trim()}' is only read: the first machine writes to it.");
        }

        if (os.Element("nvram") is not { } nvram)
            return;
        os.Elements("nvram").Skip(1).Remove();
        string was = nvram.Element("source")?.Attribute("file")?.Value ?? nvram.Value.Trim();
        if (firmware is null && was.Length == 0)
            return;
        if (firmware is null)
        {
            notes.Add($"The backup has no copy of the firmware's variables: '{was}' belongs to the first machine and is not used. Copy it, or the firmware's template, and name the copy in <nvram> before the machine is started.");
            nvram.Remove();
            return;
        }

        nvram.RemoveNodes();
        foreach (string attribute in (string[])["type", "template", "templateFormat"])
            nvram.SetAttributeValue(attribute, null);
        nvram.Value = firmware;
    }
}
