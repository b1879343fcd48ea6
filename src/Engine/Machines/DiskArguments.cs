using System.Globalization;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Disks: a chain of block nodes, and the device that the guest sees, called "mt-" and the disk's target.</summary>
internal static class DiskArguments
{
    public static void Add(QemuArguments arguments, Dictionary<XElement, int> boot)
    {
        var controllers = new DiskControllers(arguments);
        foreach ((XElement element, DomainDisk disk) in arguments.Devices.Elements("disk").Zip(arguments.Domain.Disks))
        {
            Refuse(arguments, element, disk);
            string? node = AddNodes(arguments, disk);
            JsonObject device = controllers.Attach(element, disk);
            device["id"] = "mt-" + disk.Target;
            if (node is not null)
                device["drive"] = node;
            if (boot.TryGetValue(element, out int order))
                device["bootindex"] = order;
            Describe(arguments, element, disk, device);
            arguments.Add("-device", device);
        }
    }

    private static void Refuse(QemuArguments arguments, XElement element, DomainDisk disk)
    {
        arguments.Sort(
            element,
            ["driver", "source", "target", "readonly", "shareable", "serial", "wwn", "vendor", "product", "blockio", "boot", "alias", "backingStore", "mirror"],
            ["address", "iotune"]);
        arguments.SortAttributes(element, "type", "device", "snapshot", "model", "rawio", "sgio");
        if (disk.SourceType is not ("file" or "block"))
            throw arguments.Unsupported(element, $"disk '{disk.Target}' of type {XmlErrors.Quote(disk.SourceType)}");
        if (disk.Device == "lun")
            throw arguments.Unsupported(element, $"disk '{disk.Target}', a SCSI device handed through,");
        if (disk.HasEncryption)
            throw arguments.Unsupported(element, $"the encryption of disk '{disk.Target}'");
        if (element.Element("source") is { } source)
        {
            arguments.Sort(source, [], ["seclabel"]);
            arguments.SortAttributes(source, "file", "dev", "index", "startupPolicy");
        }

        if (element.Element("driver") is not { } driver)
            return;
        arguments.SortAttributes(driver, "name", "type", "cache", "io", "discard", "detect_zeroes", "error_policy", "rerror_policy", "queues", "queue_size", "iothread", "ioeventfd", "event_idx", "copy_on_read", "discard_no_unref");
        arguments.Sort(driver, [], ["metadata_cache", "iothreads"]);
        arguments.Check.Choice(driver, "cache", "default", "none", "writethrough", "writeback", "directsync", "unsafe");
        arguments.Check.Choice(driver, "io", "threads", "native", "io_uring");
        arguments.Check.Choice(driver, "discard", "unmap", "ignore");
        arguments.Check.Choice(driver, "detect_zeroes", "off", "on", "unmap");
        arguments.Check.Choice(driver, "error_policy", "stop", "report", "ignore", "enospace");
        arguments.Check.Choice(driver, "rerror_policy", "stop", "report", "ignore");
    }

    private static string? AddNodes(QemuArguments arguments, DomainDisk disk)
    {
        if (disk.SourcePath is null)
            return disk.Device is "cdrom" or "floppy" ? null : throw arguments.Check.Broken(arguments.Domain.Root, $"disk '{disk.Target}' has no source, and only drives may be empty");
        if (!arguments.Runtime.DiskChains.TryGetValue(disk.Target, out IReadOnlyList<ImageLayer>? chain) || chain.Count == 0)
            throw new ArgumentException($"The layers of disk '{disk.Target}' are not given.", nameof(disk));
        foreach (JsonObject node in BlockdevOptions.ForEachLayer(chain, DriverOptions.Of(disk)))
            arguments.Add("-blockdev", node);
        return chain[0].NodeName;
    }

    private static void Describe(QemuArguments arguments, XElement element, DomainDisk disk, JsonObject device)
    {
        if (disk.Device == "floppy")
            return;
        if (disk.Serial is not null)
            device["serial"] = disk.Serial;
        if (element.Element("shareable") is not null)
            device["share-rw"] = true;
        if (disk.Cache is not (null or "default") && disk.Device == "disk" && disk.Bus != "nvme")
            device["write-cache"] = disk.Cache is "writethrough" or "directsync" ? "off" : "on";
        string? read = disk.ReadErrorPolicy ?? (disk.ErrorPolicy == "enospace" ? "report" : disk.ErrorPolicy);
        if (disk.ErrorPolicy is not null)
            device["werror"] = disk.ErrorPolicy == "enospace" ? "enospc" : disk.ErrorPolicy;
        if (read is not null)
            device["rerror"] = read;
        foreach (string size in (string[])["logical_block_size", "physical_block_size"])
            if (arguments.Number(element.Element("blockio"), size, 512, 2 << 20) is { } bytes)
                device[size] = bytes;
        foreach ((string attribute, string property) in ((string, string)[])[("queues", "num-queues"), ("queue_size", "queue-size")])
            if (arguments.Number(element.Element("driver"), attribute, 1, ushort.MaxValue) is { } number)
                device[property] = disk.Bus == "virtio" ? number : throw arguments.Unsupported(element, $"the attribute '{attribute}' of a disk that is not on virtio");
        if (element.Element("wwn") is { } wwn)
            device["wwn"] = ulong.TryParse(wwn.Value.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? wwn.Value[2..] : wwn.Value, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong name) ? name : throw arguments.Check.Broken(wwn, "a World Wide Name has up to 16 hexadecimal digits");
        foreach (string text in (string[])["vendor", "product"])
            if (element.Element(text) is { } given)
                device[text] = disk.Bus == "scsi" ? arguments.Check.Text(given) : throw arguments.Unsupported(given, $"the {text} of a disk that is not on SCSI");
    }
}
