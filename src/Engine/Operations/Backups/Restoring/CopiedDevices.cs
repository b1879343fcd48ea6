using System.Xml.Linq;
using MomentTools.Machines;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>What of the host two machines cannot both have: sockets, ports, files that are written, names of tap devices, devices of the host.</summary>
/// <param name="devices">The element of the copy, changed in place.</param>
/// <param name="directory">Where files that the machine writes are to lie.</param>
/// <param name="name">The new machine's name.</param>
/// <param name="notes">Told each change that a user may notice.</param>
internal sealed class CopiedDevices(XElement devices, string directory, string name, List<string> notes)
{
    private static readonly string[] Ports = ["serial", "parallel", "console", "channel"];

    public void Settle()
    {
        foreach (XElement device in devices.Elements())
            // Names that libvirt gave while the machine ran.
            device.Elements("alias").Where(alias => alias.Attribute("name")?.Value.StartsWith("ua-", StringComparison.Ordinal) != true).Remove();
        foreach (string kind in Ports)
            foreach ((int index, XElement port) in devices.Elements(kind).Index())
                Settle(port, $"{kind}{index}");
        foreach (XElement card in devices.Elements("interface"))
            Settle(card);
        foreach (XElement graphics in devices.Elements("graphics"))
            SettleGraphics(graphics);
        foreach (XElement socket in devices.Elements("vsock").Elements("cid").Where(cid => cid.Attribute("address") is not null))
        {
            socket.SetAttributeValue("address", null);
            socket.SetAttributeValue("auto", "yes");
        }

        foreach (XElement device in devices.Elements("hostdev").ToArray())
        {
            device.Remove();
            notes.Add($"A device of the host (<hostdev type='{device.Attribute("type")?.Value}'>) is left out: only one machine can have it.");
        }
    }

    private void Settle(XElement port, string id)
    {
        foreach (XElement log in port.Elements("log").ToArray())
        {
            log.Remove();
            notes.Add($"The log '{log.Attribute("file")?.Value}' of {id} is left out: the first machine writes it.");
        }

        XElement? source = port.Element("source");
        switch (port.Attribute("type")?.Value)
        {
            case "pty" or null:
                // The device that it got when it last ran.
                port.SetAttributeValue("tty", null);
                source?.Remove();
                break;
            case "file" when source?.Attribute("path") is { } file:
                string path = Path.Combine(directory, $"{name}.{id}.log");
                notes.Add($"The output of {id} goes to '{path}': '{file.Value}' is the first machine's.");
                file.Value = path;
                break;
            case "unix" when port.Name == "channel":
                // Without a path it gets a socket of its own when it starts.
                string? socket = source?.Attribute("path")?.Value;
                source?.RemoveAttributes();
                source?.SetAttributeValue("mode", "bind");
                if (socket is not null && CharacterArguments.SocketPath(socket, server: true, null) is not null)
                    notes.Add($"The channel '{port.Element("target")?.Attribute("name")?.Value ?? id}' gets a socket of its own: '{socket}' is the first machine's.");
                break;
            case "unix" or "tcp" or "udp" or "pipe" or "dev":
                notes.Add($"The {id} leads to a terminal of its own: {(source?.Attribute("path") ?? source?.Attribute("service")) switch { { } where => $"'{where.Value}'", null => "its other end" }} is the first machine's.");
                port.SetAttributeValue("type", "pty");
                port.Elements("source").Remove();
                port.Elements("protocol").Remove();
                break;
        }
    }

    private void Settle(XElement card)
    {
        if (card.Element("target") is not { } target)
            return;
        if (card.Attribute("type")?.Value == "ethernet" && target.Attribute("dev") is { } tap)
            notes.Add($"A network interface gets a tap device of its own: '{tap.Value}' is the first machine's.");
        target.Remove();
    }

    private void SettleGraphics(XElement graphics)
    {
        string type = graphics.Attribute("type")?.Value ?? "";
        string[] sockets = [.. graphics.Elements("listen").Prepend(graphics).Select(one => one.Attribute("socket")?.Value).OfType<string>().Distinct(StringComparer.Ordinal)];
        graphics.SetAttributeValue("socket", null);
        graphics.Elements("listen").Where(listen => listen.Attribute("type")?.Value == "socket" || listen.Attribute("socket") is not null).Remove();
        foreach (string socket in sockets)
            notes.Add($"{type.ToUpperInvariant()} has a port of its own: the socket '{socket}' is the first machine's.");
        string[] ports = [.. ((string[])["port", "tlsPort"]).Select(attribute => graphics.Attribute(attribute)?.Value).OfType<string>().Where(port => port != "-1")];
        bool chosen = graphics.Attribute("autoport")?.Value != "yes";
        graphics.SetAttributeValue("tlsPort", null);
        if (type is not ("vnc" or "spice") || ports.Length == 0 && sockets.Length == 0)
            return;
        graphics.SetAttributeValue("port", "-1");
        graphics.SetAttributeValue("autoport", "yes");
        if (chosen && ports.Length > 0)
            notes.Add($"{type.ToUpperInvariant()} gets a free port when the machine starts: {string.Join(" and ", ports)} {(ports.Length == 1 ? "is" : "are")} the first machine's.");
    }
}
