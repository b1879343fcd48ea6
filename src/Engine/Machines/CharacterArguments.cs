using System.Text.Json.Nodes;
using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Serial and parallel ports, consoles, and channels, among them the guest agent's.</summary>
internal static class CharacterArguments
{
    private const string Bus = "mt-virtio-serial0";

    public static void Add(QemuArguments arguments)
    {
        XElement devices = arguments.Devices;
        foreach (string kind in (string[])["serial", "parallel"])
            foreach ((int index, XElement element) in devices.Elements(kind).Index())
                AddPort(arguments, element, kind, index);
        // libvirt shows the first serial port a second time, as a console.
        List<XElement> consoles = [.. devices.Elements("console").Where(console => TargetType(console) != "serial")];
        XElement? alone = devices.Element("serial") is null ? devices.Elements("console").FirstOrDefault(console => TargetType(console) == "serial") : null;
        if (alone is not null)
            AddPort(arguments, alone, "serial", 0);
        List<XElement> channels = [.. devices.Elements("channel")];
        if (consoles.Count + channels.Count > 0)
            arguments.Add("-device", new JsonObject { ["driver"] = "virtio-serial-pci", ["id"] = Bus });
        foreach ((int index, XElement console) in consoles.Index())
        {
            if (TargetType(console) != "virtio")
                throw arguments.Unsupported(console, $"a console of type {XmlErrors.Quote(TargetType(console))}");
            AddBackend(arguments, console, $"mt-console{index}", null);
            arguments.Add("-device", new JsonObject { ["driver"] = "virtconsole", ["bus"] = Bus + ".0", ["chardev"] = $"mt-console{index}" });
        }

        foreach ((int index, XElement channel) in channels.Index())
            AddChannel(arguments, channel, index);
    }

    /// <summary>The socket that QEMU is started with for a document's path; null where there is none of either.</summary>
    public static string? SocketPath(string? given, bool server, string? ownPath)
    {
        // The directories that libvirt makes for its own sockets may not be there without it.
        bool ours = given is null || (server && given.Contains("/qemu/channel/", StringComparison.Ordinal));
        return ours ? ownPath : given;
    }

    private static void AddPort(QemuArguments arguments, XElement element, string kind, int index)
    {
        AddBackend(arguments, element, $"mt-{kind}{index}", null);
        arguments.Add("-" + kind, $"chardev:mt-{kind}{index}");
    }

    private static void AddChannel(QemuArguments arguments, XElement channel, int index)
    {
        XElement target = arguments.Check.RequiredElement(channel, "target");
        if (target.Attribute("type")?.Value != "virtio")
            throw arguments.Unsupported(channel, "a channel that is not virtio");
        string name = target.Attribute("name")?.Value ?? "com.redhat.spice.0";
        string id = $"mt-channel{index}";
        string path = name == GuestAgentChannel.PortName ? arguments.Runtime.AgentPath : $"{arguments.Runtime.MonitorPath}.ch{index}";
        string? used = AddBackend(arguments, channel, id, path);
        if (name == GuestAgentChannel.PortName)
            arguments.AgentPath = used;
        arguments.Add("-device", new JsonObject { ["driver"] = "virtserialport", ["bus"] = Bus + ".0", ["chardev"] = id, ["name"] = name });
    }

    // Gives the path of the socket where there is one.
    private static string? AddBackend(QemuArguments arguments, XElement element, string id, string? ownPath)
    {
        arguments.Sort(element, ["source", "target", "alias", "log", "protocol"], ["address", "acpi"]);
        XElement? source = element.Element("source");
        string? path = source?.Attribute("path")?.Value;
        string log = element.Element("log") is { } file ? $",logfile={QemuArguments.Escape(arguments.Check.Required(file, "file"))},logappend={(arguments.Switch(file, "append") == true ? "on" : "off")}" : "";
        switch (element.Attribute("type")?.Value)
        {
            case "pty" or null:
                arguments.Add("-chardev", $"pty,id={id}{log}");
                return null;
            case "null":
                arguments.Add("-chardev", $"null,id={id}{log}");
                return null;
            case "file":
                string append = arguments.Switch(source, "append") is { } on ? $",append={(on ? "on" : "off")}" : "";
                arguments.Add("-chardev", $"file,id={id},path={QemuArguments.Escape(path ?? throw arguments.Check.Broken(element, "the file's path is missing"))}{append}{log}");
                return null;
            case "spicevmc":
                arguments.Add("-chardev", $"spicevmc,id={id},name=vdagent{log}");
                return null;
            case "unix":
                bool server = arguments.Check.Choice(source ?? element, "mode", "bind", "connect") != "connect";
                string socket = SocketPath(path, server, ownPath) ?? throw arguments.Check.Broken(element, "the socket's path is missing");
                arguments.Add("-chardev", $"socket,id={id},path={QemuArguments.Escape(socket)}{(server ? ",server=on,wait=off" : "")}{log}");
                return socket;
            default:
                throw arguments.Unsupported(element, $"a <{element.Name.LocalName}> of type {XmlErrors.Quote(element.Attribute("type")!.Value)}");
        }
    }

    private static string TargetType(XElement console) => console.Element("target")?.Attribute("type")?.Value ?? "serial";
}
