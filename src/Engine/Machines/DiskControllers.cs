using System.Text.Json.Nodes;
using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>
/// Gives each disk its place on a bus. Places are libvirt's: from <c>&lt;address type='drive'&gt;</c>, or from the target's
/// letters (sdc is the third). Controllers that no disk needs are not built.
/// </summary>
internal sealed class DiskControllers(QemuArguments arguments)
{
    private const int MostPlaces = 255;

    private readonly HashSet<string> _built = new(StringComparer.Ordinal);

    /// <summary>The device's driver and place; its controller is added first where it is new.</summary>
    public JsonObject Attach(XElement element, DomainDisk disk)
    {
        XElement? address = element.Element("address") is { } given && given.Attribute("type")?.Value == "drive" ? given : null;
        int index = IndexOf(disk.Target);
        int controller = Place(address, "controller") ?? 0;
        switch (disk.Bus ?? DefaultBus(disk), disk.Device)
        {
            case ("virtio", "disk"):
                return new JsonObject { ["driver"] = VirtioDriver(element) };
            case ("scsi", "disk" or "cdrom"):
                string scsi = $"mt-scsi{controller}";
                RequireVirtioScsi(element, controller);
                Build(scsi, "virtio-scsi-pci");
                return new JsonObject { ["driver"] = disk.Device == "disk" ? "scsi-hd" : "scsi-cd", ["bus"] = scsi + ".0", ["channel"] = Place(address, "bus") ?? 0, ["scsi-id"] = Place(address, "target") ?? 0, ["lun"] = Place(address, "unit") ?? index };
            case ("sata", "disk" or "cdrom"):
                // q35 has one on the board, whose buses are called ide.
                string sata = arguments.IsQ35 && controller == 0 ? "ide" : $"mt-sata{controller}";
                if (sata != "ide")
                    Build(sata, "ahci");
                return new JsonObject { ["driver"] = disk.Device == "disk" ? "ide-hd" : "ide-cd", ["bus"] = $"{sata}.{Place(address, "unit") ?? index}" };
            case ("ide", "disk" or "cdrom") when !arguments.IsQ35 && controller == 0:
                return new JsonObject { ["driver"] = disk.Device == "disk" ? "ide-hd" : "ide-cd", ["bus"] = $"ide.{Place(address, "bus") ?? index / 2}", ["unit"] = Place(address, "unit") ?? index % 2 };
            case ("fdc", "floppy") when !arguments.IsQ35:
                return new JsonObject { ["driver"] = "floppy", ["unit"] = Place(address, "unit") ?? index };
            case ("nvme", "disk"):
                // The controller has to have a serial number.
                return new JsonObject { ["driver"] = "nvme", ["serial"] = disk.Target };
            default:
                throw arguments.Unsupported(element, $"disk '{disk.Target}' (a {disk.Device} on the bus {XmlErrors.Quote(disk.Bus ?? DefaultBus(disk))})");
        }
    }

    /// <summary>The place that letters stand for: vda 0, vdz 25, vdaa 26.</summary>
    internal static int IndexOf(string target)
    {
        int prefix = target.StartsWith("xvd", StringComparison.Ordinal) ? 3 : Math.Min(2, target.Length);
        int index = 0;
        foreach (char letter in target.AsSpan(prefix))
        {
            if (letter is < 'a' or > 'z' || index > MostPlaces)
                break;
            index = (index * 26) + (letter - 'a' + 1);
        }

        return Math.Max(0, index - 1);
    }

    private static string DefaultBus(DomainDisk disk) => disk.Target[..Math.Min(2, disk.Target.Length)] switch
    {
        "hd" => "ide",
        "sd" => "scsi",
        "fd" => "fdc",
        _ => "virtio",
    };

    private string VirtioDriver(XElement element) => arguments.Check.Choice(element, "model", "virtio", "virtio-transitional", "virtio-non-transitional") switch
    {
        "virtio-transitional" => "virtio-blk-pci-transitional",
        "virtio-non-transitional" => "virtio-blk-pci-non-transitional",
        _ => "virtio-blk-pci",
    };

    private void RequireVirtioScsi(XElement disk, int index)
    {
        XElement? controller = arguments.Devices.Elements("controller")
            .FirstOrDefault(each => each.Attribute("type")?.Value == "scsi" && (each.Attribute("index")?.Value ?? "0") == $"{index}");
        if (controller?.Attribute("model")?.Value is { } model && model is not ("virtio-scsi" or "auto"))
            throw arguments.Unsupported(controller, $"the SCSI controller {XmlErrors.Quote(model)} of disk '{disk.Element("target")!.Attribute("dev")!.Value}'");
    }

    private void Build(string id, string driver)
    {
        if (_built.Add(id))
            arguments.Add("-device", new JsonObject { ["driver"] = driver, ["id"] = id });
    }

    private int? Place(XElement? address, string attribute) => (int?)arguments.Number(address, attribute, 0, MostPlaces);
}
