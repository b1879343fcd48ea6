using System.Text.Json.Nodes;
using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Graphics (VNC and SPICE, or none at all) and the video cards that the guest sees.</summary>
internal static class DisplayArguments
{
    private const int FirstVncPort = 5900;
    private const string Local = "127.0.0.1";

    public static void Add(QemuArguments arguments)
    {
        arguments.Add("-display", "none");
        foreach (XElement graphics in arguments.Devices.Elements("graphics"))
        {
            arguments.Sort(graphics, ["listen", "alias"], ["audio", "channel", "image", "jpeg", "zlib", "playback", "streaming", "clipboard", "mouse", "filetransfer", "gl"]);
            arguments.SortAttributes(graphics, "type", "port", "autoport", "listen", "socket", "passwd", "keymap", "sharePolicy", "connected", "tlsPort", "defaultMode");
            switch (graphics.Attribute("type")?.Value)
            {
                case "vnc":
                    arguments.Add("-vnc", Vnc(arguments, graphics));
                    break;
                case "spice":
                    arguments.Add("-spice", Spice(arguments, graphics));
                    break;
                default:
                    throw arguments.Unsupported(graphics, $"graphics of type {XmlErrors.Quote(graphics.Attribute("type")?.Value ?? "")}");
            }

            if (graphics.Attribute("keymap") is { } keymap)
                arguments.Add("-k", keymap.Value);
        }

        foreach ((int index, XElement video) in arguments.Devices.Elements("video").Index())
            AddVideo(arguments, video, index);
    }

    private static string Vnc(QemuArguments arguments, XElement graphics)
    {
        XElement? listen = graphics.Element("listen");
        string? socket = graphics.Attribute("socket")?.Value ?? listen?.Attribute("socket")?.Value;
        string share = graphics.Attribute("sharePolicy") is { } policy ? $",share={QemuArguments.Escape(policy.Value)}" : "";
        string password = TakePassword(arguments, graphics, "vnc") ? ",password=on" : "";
        if (listen?.Attribute("type")?.Value == "none")
            return "none";
        if (socket is not null)
            return $"unix:{QemuArguments.Escape(socket)}{share}{password}";
        string address = Address(graphics);
        // "to" lets QEMU look for a free one, as autoport does.
        string display = Port(arguments, graphics) is { } port ? $"{port - FirstVncPort}" : "0,to=99";
        return $"{QemuArguments.Escape(address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address)}:{display}{share}{password}";
    }

    private static string Spice(QemuArguments arguments, XElement graphics)
    {
        XElement? listen = graphics.Element("listen");
        string ticket = TakePassword(arguments, graphics, "spice") ? "" : ",disable-ticketing=on";
        if (listen?.Attribute("socket")?.Value is { } socket)
            return $"unix=on,addr={QemuArguments.Escape(socket)}{ticket}";
        if (Port(arguments, graphics) is { } port)
            return $"port={port},addr={QemuArguments.Escape(Address(graphics))}{ticket}";
        // SPICE cannot look for a free port by itself, so it gets a socket, and the user is told.
        if (graphics.Attribute("autoport") is { } autoport)
            arguments.Ignore(autoport);
        return $"unix=on,addr={QemuArguments.Escape(arguments.Runtime.SpicePath)}{ticket}";
    }

    // No password is given to QEMU here: until it is set by QMP nobody can log in.
    private static bool TakePassword(QemuArguments arguments, XElement graphics, string protocol)
    {
        if (graphics.Attribute("passwd")?.Value is not { } password)
            return false;
        arguments.Passwords[protocol] = password;
        return true;
    }

    private static string Address(XElement graphics) =>
        graphics.Element("listen")?.Attribute("address")?.Value ?? graphics.Attribute("listen")?.Value ?? Local;

    private static long? Port(QemuArguments arguments, XElement graphics)
    {
        if (graphics.Attribute("port") is not { } port || port.Value == "-1" || arguments.Switch(graphics, "autoport") == true)
            return null;
        return arguments.Check.Number(port, port.Value, FirstVncPort, 65535);
    }

    private static void AddVideo(QemuArguments arguments, XElement video, int index)
    {
        arguments.Sort(video, ["model", "alias"], ["address", "driver"]);
        XElement model = arguments.Check.RequiredElement(video, "model");
        string type = arguments.Check.Required(model, "type");
        if (type == "none")
            return;
        if (arguments.Switch(model.Element("acceleration"), "accel3d") == true)
            throw arguments.Unsupported(video, "3D acceleration");
        string? driver = (type, index) switch
        {
            ("vga", 0) => "VGA",
            ("vga", _) => "secondary-vga",
            ("cirrus", 0) => "cirrus-vga",
            ("vmvga", 0) => "vmware-svga",
            ("qxl", 0) => "qxl-vga",
            ("qxl", _) => "qxl",
            ("virtio", 0) when arguments.IsX86 => "virtio-vga",
            ("virtio", _) => "virtio-gpu-pci",
            ("bochs", 0) => "bochs-display",
            ("ramfb", 0) => "ramfb",
            _ => null,
        };
        var device = new JsonObject { ["driver"] = driver ?? throw arguments.Unsupported(video, $"the video card {XmlErrors.Quote(type)} at this place"), ["id"] = $"mt-video{index}" };
        Size(arguments, model, type, device);
        arguments.Add("-device", device);
    }

    // libvirt counts in KiB; QEMU in bytes or, where the property ends in _mb, in MiB.
    private static void Size(QemuArguments arguments, XElement model, string type, JsonObject device)
    {
        const long most = 1 << 21;
        if (type == "qxl" && arguments.Number(model, "ram", 1, most) is { } ram)
            device["ram_size"] = ram * 1024;
        if (type == "qxl" && arguments.Number(model, "vram", 1, most) is { } vram)
            device["vram_size"] = vram * 1024;
        string memory = type == "qxl" ? "vgamem" : "vram";
        if (type is "qxl" or "vga" or "vmvga" && arguments.Number(model, memory, 1024, most) is { } visible)
            device["vgamem_mb"] = visible / 1024;
        if (type is "qxl" or "virtio" && arguments.Number(model, "heads", 1, 16) is { } heads)
            device["max_outputs"] = heads;
    }
}
