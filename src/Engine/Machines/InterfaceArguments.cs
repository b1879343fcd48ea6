using System.Text.Json.Nodes;
using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Network interfaces of type user, bridge, network (its bridge) and ethernet (a tap device).</summary>
internal static class InterfaceArguments
{
    private static readonly string[] Models = ["virtio", "virtio-transitional", "virtio-non-transitional", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet", "vmxnet3", "i82559er"];

    public static void Add(QemuArguments arguments, Dictionary<XElement, int> boot)
    {
        int index = 0;
        foreach (XElement element in arguments.Devices.Elements("interface"))
        {
            arguments.Sort(element, ["source", "mac", "model", "target", "boot", "mtu", "link", "alias"], ["address", "driver", "bandwidth", "filterref", "tune", "coalesce", "port"]);
            if (arguments.Check.Choice(element.Element("link") ?? element, "state", "up", "down") == "down")
                throw arguments.Unsupported(element, "a link that is down at the start");
            string host = $"mt-net{index}-host";
            arguments.Add("-netdev", Backend(arguments, element, host));
            JsonObject device = Device(arguments, element);
            device["id"] = $"mt-net{index++}";
            device["netdev"] = host;
            if (boot.TryGetValue(element, out int order))
                device["bootindex"] = order;
            arguments.Add("-device", device);
        }
    }

    private static string Backend(QemuArguments arguments, XElement element, string id)
    {
        XElement? source = element.Element("source");
        switch (element.Attribute("type")?.Value)
        {
            case "user":
                return $"user,id={id}";
            case "bridge":
                return $"bridge,id={id},br={QemuArguments.Escape(arguments.Check.Required(source ?? element, "bridge"))}";
            case "network":
                // A running machine's document names the bridge; libvirt's own default network has always had this one.
                string? bridge = source?.Attribute("bridge")?.Value ?? (source?.Attribute("network")?.Value == "default" ? "virbr0" : null);
                return $"bridge,id={id},br={QemuArguments.Escape(bridge ?? throw arguments.Unsupported(element, "a network whose bridge is not said"))}";
            case "ethernet":
                string name = element.Element("target")?.Attribute("dev")?.Value is { } dev ? $",ifname={QemuArguments.Escape(dev)}" : "";
                return $"tap,id={id}{name},script=no,downscript=no";
            default:
                throw arguments.Unsupported(element, $"an interface of type {XmlErrors.Quote(element.Attribute("type")?.Value ?? "")}");
        }
    }

    private static JsonObject Device(QemuArguments arguments, XElement element)
    {
        string model = element.Element("model")?.Attribute("type")?.Value ?? "rtl8139";
        if (!Models.Contains(model, StringComparer.Ordinal))
            throw arguments.Unsupported(element, $"the network card {XmlErrors.Quote(model)}");
        bool virtio = model.StartsWith("virtio", StringComparison.Ordinal);
        var device = new JsonObject { ["driver"] = virtio ? $"virtio-net-pci{model["virtio".Length..]}" : model };
        if (element.Element("mac") is { } mac)
            device["mac"] = arguments.Check.Required(mac, "address");
        if (arguments.Number(element.Element("mtu"), "size", 68, 65535) is { } mtu)
            device["host_mtu"] = virtio ? mtu : throw arguments.Unsupported(element, "the MTU of a card that is not virtio");
        return device;
    }
}
