using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>The virtio-serial port through which a guest's agent is reached, and the socket that QEMU serves for it.</summary>
internal static class GuestAgentChannel
{
    public const string PortName = "org.qemu.guest_agent.0";

    // Of /proc/net/unix: a connection that its server has not accepted yet (SS_CONNECTING).
    private const string NotAccepted = "02";

    /// <summary>Whether a <c>&lt;channel&gt;</c> is the agent's.</summary>
    public static bool Is(XElement channel) => channel.Element("target")?.Attribute("name")?.Value == PortName;

    /// <summary>The socket where a client reaches the agent, or null: no channel, one without a socket, or one that QEMU is a client of itself.</summary>
    public static string? SocketOf(DomainPlace place, DomainDocument domain)
    {
        XElement? channel = domain.Root.Element("devices")?.Elements("channel").FirstOrDefault(Is);
        if (channel is null || channel.Attribute("type")?.Value != "unix" || channel.Element("source")?.Attribute("mode")?.Value == "connect")
            return null;
        string? given = channel.Element("source")?.Attribute("path")?.Value;
        // Whoever started an attached machine chose the path; one of ours has the path that we start it with.
        return domain.Monitor is not null ? given : CharacterArguments.SocketPath(given, server: true, QemuRuntime.AgentPathOf(place.MonitorPath));
    }

    /// <summary>Whether a client waits to be accepted on a socket of this machine: QEMU accepts one at a time.</summary>
    public static bool IsWaitedFor(string path)
    {
        try
        {
            return File.ReadLines("/proc/net/unix").Select(line => line.Split(' ', 8, StringSplitOptions.RemoveEmptyEntries))
                .Any(fields => fields.Length == 8 && fields[5] == NotAccepted && fields[7] == path);
        }
        catch (Exception unknown) when (unknown is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
