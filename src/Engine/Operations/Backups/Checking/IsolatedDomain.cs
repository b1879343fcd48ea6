using System.Globalization;
using System.Xml.Linq;
using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>
/// A machine's document made that of one which is started for a test: it writes nothing but its own files. No network, no device of the
/// host, no display, no program but the host's own QEMU, whoever wrote the document; what it writes on its consoles goes to files.
/// </summary>
/// <param name="Domain">The document.</param>
/// <param name="Consoles">The files that its consoles write.</param>
internal sealed record IsolatedDomain(DomainDocument Domain, IReadOnlyList<string> Consoles)
{
    private static readonly string[] Outward =
    [
        "interface", "hostdev", "redirdev", "redirfilter", "filesystem", "shmem", "vsock", "tpm", "lease", "graphics", "sound", "audio", "smartcard", "parallel", "rng",
    ];

    /// <param name="domain">The document, with disks of its own that may be thrown away.</param>
    /// <param name="directory">Where the consoles' files are to lie.</param>
    public static IsolatedDomain Make(DomainDocument domain, string directory)
    {
        XElement root = domain.ToElement(secure: true, ours: true);
        root.Elements(XmlNames.Qemu + "commandline").Remove();
        XElement? devices = root.Element("devices");
        if (devices is null)
            root.Add(devices = new XElement("devices"));
        devices.Elements().Where(device => Outward.Contains(device.Name.ToString(), StringComparer.Ordinal)).Remove();
        devices.Elements("channel").Where(channel => !GuestAgentChannel.Is(channel)).Remove();
        foreach (XElement driver in devices.Elements("disk").Elements("driver"))
        {
            // Nobody needs what it wrote: nothing is flushed, and any file system will do.
            driver.SetAttributeValue("cache", "unsafe");
            driver.SetAttributeValue("io", null);
        }

        // Another path than where emulators are installed may lead to anything: then it is the usual one that starts.
        devices.Elements("emulator").Where(emulator => !QemuPrograms.IsInstalled(emulator.Value)).Remove();
        foreach (XElement loader in root.Elements("os").Elements("loader"))
            loader.SetAttributeValue("readonly", "yes");
        root.Elements("os").Elements("nvram").Where(nvram => Path.GetDirectoryName(nvram.Value) != directory).Remove();
        return new IsolatedDomain(DomainDocument.FromElement(root, domain.Source), Listen(devices, directory));
    }

    private static List<string> Listen(XElement devices, string directory)
    {
        if (!devices.Elements("serial").Any() && !devices.Elements("console").Any(console => console.Element("target")?.Attribute("type")?.Value is null or "serial"))
            devices.Add(new XElement("serial"));
        List<string> files = [];
        foreach (XElement port in devices.Elements().Where(device => device.Name.LocalName is "serial" or "console").ToArray())
        {
            string path = Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"console{files.Count}.log"));
            files.Add(path);
            port.SetAttributeValue("type", "file");
            port.SetAttributeValue("tty", null);
            port.Elements().Where(child => child.Name.LocalName is "source" or "log" or "protocol").Remove();
            port.AddFirst(new XElement("source", new XAttribute("path", path)));
        }

        return files;
    }
}
