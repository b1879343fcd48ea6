using System.Xml.Linq;

namespace MomentTools.Machines;

/// <summary>
/// From what the guest boots: <c>&lt;boot order='…'/&gt;</c> of each device, or <c>&lt;os&gt;&lt;boot dev='…'/&gt;</c>, which
/// means the first device of its kind (formatdomain, "BIOS bootloader").
/// </summary>
internal static class BootOrder
{
    private const int LastOrder = 1 << 16;

    public static Dictionary<XElement, int> Of(QemuArguments arguments)
    {
        Dictionary<XElement, int> order = [];
        foreach (XElement device in arguments.Devices.Elements())
            if (arguments.Number(device.Element("boot"), "order", 1, LastOrder) is { } place)
                order[device] = (int)place;
        if (order.Count > 0)
            return order;
        List<XElement> kinds = [.. arguments.Os.Elements("boot")];
        // libvirt adds the same where nothing is said.
        if (kinds.Count == 0 && arguments.Os.Element("kernel") is null)
            kinds.Add(new XElement("boot", new XAttribute("dev", "hd")));
        int next = 1;
        foreach (XElement kind in kinds)
            if (First(arguments, arguments.Check.Choice(kind, "dev", "hd", "cdrom", "network", "fd")) is { } device)
                order.TryAdd(device, next++);
        return order;
    }

    private static XElement? First(QemuArguments arguments, string? kind) => kind switch
    {
        "network" => arguments.Devices.Element("interface"),
        "cdrom" => FirstDisk(arguments, "cdrom"),
        "fd" => FirstDisk(arguments, "floppy"),
        _ => FirstDisk(arguments, "disk"),
    };

    private static XElement? FirstDisk(QemuArguments arguments, string device) =>
        arguments.Devices.Elements("disk").FirstOrDefault(disk => (disk.Attribute("device")?.Value ?? "disk") == device);
}
