using System.Globalization;
using System.Text;

namespace MomentTools.Nbd;

/// <summary>Where an NBD server listens: <c>unix:///path</c> or <c>tcp://host:port</c>. Says nothing about an export's name.</summary>
internal abstract record NbdAddress
{
    /// <summary>The port that IANA gave to NBD.</summary>
    public const int DefaultPort = 10809;

    // sockaddr_un.sun_path has 108 bytes, the last of which is a NUL.
    private const int MaxSocketPath = 107;

    /// <summary>
    /// Reads <c>unix:/path</c>, <c>unix:///path</c>, <c>/path</c>, <c>nbd+unix:///?socket=/path</c>, <c>tcp://host[:port]</c>,
    /// <c>tcp:host:port</c> or <c>nbd://host[:port]</c>. Port 0 is kept: it asks a listener to pick one.
    /// </summary>
    public static NbdAddress Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.StartsWith('/'))
            return Unix(text, text);
        if (After(text, "nbd+unix:///?socket=") is { } socket)
            return Unix(Uri.UnescapeDataString(socket), text);
        if (After(text, "unix://") is { } path)
            return Unix(path, text);
        if (After(text, "unix:") is { } plainPath)
            return Unix(plainPath, text);
        if ((After(text, "tcp://") ?? After(text, "nbd://") ?? After(text, "tcp:")) is { } hostAndPort)
            return Tcp(hostAndPort, text);
        throw NbdErrors.AddressNotUnderstood(text, "it begins with neither 'unix:' nor 'tcp:' nor '/'");
    }

    /// <summary>The export's URI for other NBD clients, as the NBD URI specification writes it; <paramref name="encrypted"/> demands TLS.</summary>
    public abstract string ToUri(string exportName, bool encrypted = false);

    private static string? After(string text, string prefix) =>
        text.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) ? text[prefix.Length..] : null;

    private static UnixNbdAddress Unix(string path, string text)
    {
        if (!path.StartsWith('/'))
            throw NbdErrors.AddressNotUnderstood(text, "the path of a socket must be absolute");
        if (path.Contains('\0', StringComparison.Ordinal))
            throw NbdErrors.AddressNotUnderstood(text, "the path of a socket cannot hold a NUL");
        if (Encoding.UTF8.GetByteCount(path) > MaxSocketPath)
            throw NbdErrors.AddressNotUnderstood(text, $"the path of a socket can have {MaxSocketPath} bytes at most");
        return new UnixNbdAddress(path);
    }

    private static TcpNbdAddress Tcp(string hostAndPort, string text)
    {
        string rest = hostAndPort.EndsWith('/') ? hostAndPort[..^1] : hostAndPort;
        if (rest.Contains('/', StringComparison.Ordinal))
            throw NbdErrors.AddressNotUnderstood(text, "an address names no export; the export's name is given by itself");
        int hostEnd = rest.StartsWith('[') ? rest.IndexOf(']', StringComparison.Ordinal) + 1 : rest.IndexOf(':', StringComparison.Ordinal);
        if (rest.StartsWith('[') && hostEnd == 0)
            throw NbdErrors.AddressNotUnderstood(text, "the ']' behind the IPv6 address is missing");
        if (hostEnd < 0)
            hostEnd = rest.Length;

        string host = rest[..hostEnd].TrimStart('[').TrimEnd(']');
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
            throw NbdErrors.AddressNotUnderstood(text, $"'{host}' is neither a host's name nor an IP address (an IPv6 address stands in [ ])");
        if (hostEnd == rest.Length)
            return new TcpNbdAddress(host, DefaultPort);
        if (rest[hostEnd] != ':' || !ushort.TryParse(rest.AsSpan(hostEnd + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
            throw NbdErrors.AddressNotUnderstood(text, "the port must be a number from 0 to 65535");
        return new TcpNbdAddress(host, port);
    }
}
