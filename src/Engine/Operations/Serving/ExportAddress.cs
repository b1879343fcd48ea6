using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using MomentTools.Nbd;

namespace MomentTools.Operations.Serving;

/// <summary>Where exports are asked to listen, and by what name clients reach them there.</summary>
internal static class ExportAddress
{
    private static readonly string[] TcpPrefixes = ["tcp://", "nbd://", "tcp:"];

    /// <summary>Reads an address as <see cref="NbdAddress.Parse"/> does; without a host it means every address of this host.</summary>
    public static NbdAddress Parse(string text)
    {
        string? prefix = Array.Find(TcpPrefixes, one => text.StartsWith(one, StringComparison.OrdinalIgnoreCase));
        bool hostless = prefix is not null && (text.Length == prefix.Length || text[prefix.Length] == ':');
        return NbdAddress.Parse(hostless ? $"{prefix}{(Socket.OSSupportsIPv6 ? "[::]" : "0.0.0.0")}{text[prefix!.Length..]}" : text);
    }

    /// <summary>Whether every host that reaches this one reaches the address.</summary>
    public static bool IsWildcard(NbdAddress address) => address is TcpNbdAddress tcp && Wildcard(tcp) is not null;

    /// <summary>Whether two addresses are one place to listen.</summary>
    public static bool IsSame(NbdAddress one, NbdAddress other) => (one, other) switch
    {
        (TcpNbdAddress a, TcpNbdAddress b) => a.Port == b.Port && (string.Equals(a.Host, b.Host, StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(a.Host, out IPAddress? first) && IPAddress.TryParse(b.Host, out IPAddress? second) && first.Equals(second))),
        _ => one == other,
    };

    /// <summary>What clients take to connect to an export.</summary>
    /// <param name="address">Where the server listens.</param>
    /// <param name="exportName">The export.</param>
    /// <param name="tls">Whether connections are encrypted.</param>
    public static Uri UriOf(NbdAddress address, string exportName, bool tls)
    {
        NbdAddress reachable = address is TcpNbdAddress tcp && Wildcard(tcp) is { } any ? tcp with { Host = ReachableHost(any, tls) } : address;
        string plain = reachable.ToUri(exportName);
        // "nbd" and "nbd+unix" become "nbds" and "nbds+unix".
        return new ExportUri(tls ? plain.Insert("nbd".Length, "s") : plain);
    }

    private static IPAddress? Wildcard(TcpNbdAddress tcp)
    {
        if (!IPAddress.TryParse(tcp.Host, out IPAddress? address))
            return null;
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        // With a scope behind it "::" is one all the same.
        return address.GetAddressBytes().All(one => one == 0) ? address : null;
    }

    // With TLS the host's name: certificates are made out to names.
    private static string ReachableHost(IPAddress wildcard, bool tls)
    {
        IPAddress[] own = Own(wildcard);
        if (tls && Name() is { } name && Named(name).Intersect(own).Any())
            return name;
        return own.Length > 0 ? own[0].ToString() : (wildcard.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Loopback : IPAddress.IPv6Loopback).ToString();
    }

    // IPv4 first, since it serves clients of both kinds; what listens on [::] takes them too.
    private static IPAddress[] Own(IPAddress wildcard)
    {
        try
        {
            return [.. NetworkInterface.GetAllNetworkInterfaces()
                .Where(one => one is { OperationalStatus: OperationalStatus.Up or OperationalStatus.Unknown, NetworkInterfaceType: not NetworkInterfaceType.Loopback })
                .SelectMany(one => one.GetIPProperties().UnicastAddresses.Select(unicast => unicast.Address))
                .Where(address => address.AddressFamily == AddressFamily.InterNetwork || wildcard.AddressFamily == AddressFamily.InterNetworkV6)
                .Where(address => !address.IsIPv6LinkLocal && !IPAddress.IsLoopback(address))
                .OrderBy(address => address.AddressFamily == AddressFamily.InterNetworkV6)];
        }
        catch (NetworkInformationException)
        {
            // A system that does not tell: the loopback is left.
            return [];
        }
    }

    private static string? Name()
    {
        try
        {
            return Dns.GetHostName();
        }
        catch (SocketException)
        {
            return null;
        }
    }

    private static IPAddress[] Named(string name)
    {
        try
        {
            return Dns.GetHostAddresses(name);
        }
        catch (SocketException)
        {
            return [];
        }
    }
}
