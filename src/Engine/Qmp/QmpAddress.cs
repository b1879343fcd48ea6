using System.Buffers;
using System.Globalization;
using System.Text;
using MomentTools.Errors;

namespace MomentTools.Qmp;

/// <summary>Where a QMP monitor listens: a Unix socket or a TCP port.</summary>
internal abstract record QmpAddress
{
    // sockaddr_un.sun_path has 108 bytes, the last of which ends the string.
    private const int LongestSocketPath = 107;

    private static readonly SearchValues<char> NeverInHost = SearchValues.Create(" \t\r\n/\0[]");

    /// <summary>Reads <c>unix:/path</c>, <c>/path</c>, <c>tcp:HOST:PORT</c> or <c>tcp://HOST:PORT</c>; an IPv6 host stands in brackets.</summary>
    public static QmpAddress Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.StartsWith('/'))
            return new UnixQmpAddress(text);
        if (text.StartsWith("unix:", StringComparison.Ordinal))
            return new UnixQmpAddress(text["unix:".Length..]);
        if (text.StartsWith("tcp://", StringComparison.Ordinal))
            return ParseHost(text, text["tcp://".Length..]);
        if (text.StartsWith("tcp:", StringComparison.Ordinal))
            return ParseHost(text, text["tcp:".Length..]);
        throw Invalid(text, "it is neither an absolute path nor begins with unix: or tcp:");
    }

    /// <inheritdoc/>
    public abstract override string ToString();

    private protected static string CheckPath(string path)
    {
        if (!path.StartsWith('/'))
            throw Invalid(path, "the path of the socket is not absolute");
        if (path.Contains('\0', StringComparison.Ordinal))
            throw Invalid(path, "the path of the socket has a zero character");
        if (Encoding.UTF8.GetByteCount(path) is int length and > LongestSocketPath)
            throw Invalid(path, $"the path of the socket is {length} bytes long, and the system allows {LongestSocketPath}");
        return path;
    }

    private static TcpQmpAddress ParseHost(string text, string rest)
    {
        int colon = rest.LastIndexOf(':');
        if (colon <= 0)
            throw Invalid(text, "it does not name a host and a port");
        string host = rest[..colon];
        if (host.StartsWith('[') && host.EndsWith(']'))
            host = host[1..^1];
        else if (host.Contains(':', StringComparison.Ordinal))
            throw Invalid(text, "an IPv6 host must stand in brackets");
        if (host.Length == 0 || host.AsSpan().ContainsAny(NeverInHost))
            throw Invalid(text, "the host is not a name or a number");
        if (!int.TryParse(rest.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port is < 1 or > 65535)
            throw Invalid(text, "the port is not a number from 1 to 65535");
        return new TcpQmpAddress(host, port);
    }

    private static MomentException Invalid(string text, string why) => new(
        QmpErrors.QmpAddressInvalid, $"'{text}' is not the address of a QMP monitor: {why}.", text,
        "Write it as /run/web1.qmp, unix:/run/web1.qmp or tcp:127.0.0.1:4444.");
}
