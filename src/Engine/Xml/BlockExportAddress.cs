using System.Globalization;
using System.Text;
using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>The <c>&lt;address&gt;</c> of a block export: a host and a port, or a unix socket.</summary>
/// <param name="Host">The name or the IP address, without brackets; null for a unix socket.</param>
/// <param name="Port">0 to 65535; null where the document does not say.</param>
/// <param name="AutoPort">Whether a free port is picked; the port in the document is then the one that was.</param>
/// <param name="Path">The absolute path of a unix socket; null for a host.</param>
/// <param name="Tls">Whether only encrypted connections are accepted.</param>
internal sealed record BlockExportAddress(string? Host, int? Port, bool AutoPort, string? Path, bool Tls)
{
    /// <summary>The port that IANA gave to NBD.</summary>
    public const int DefaultPort = 10809;

    // sockaddr_un.sun_path has 108 bytes, the last of which is a NUL.
    private const int MaxSocketPath = 107;

    private const int MaxPort = 65535;

    /// <summary>The address as text: <c>unix:///PATH</c> or <c>tcp://HOST:PORT</c>, with port 0 where one is to be picked.</summary>
    public override string ToString() => Path is not null ? $"unix://{Path}"
        : string.Create(CultureInfo.InvariantCulture, $"tcp://{(Host!.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{(AutoPort ? 0 : Port ?? DefaultPort)}");

    public static BlockExportAddress Read(XElement address, XmlCheck check)
    {
        check.Required(address, "type");
        string type = check.Choice(address, "type", "ip", "unix")!;
        check.Content(address, []);
        bool tls = check.Choice(address, "tls", "yes", "no") == "yes";
        return type == "unix" ? Unix(address, tls, check) : Ip(address, tls, check);
    }

    public XElement ToElement() => new("address",
        new XAttribute("type", Path is null ? "ip" : "unix"),
        XmlOutput.Attribute("path", Path),
        XmlOutput.Attribute("host", Host),
        XmlOutput.Attribute("port", Port?.ToString(CultureInfo.InvariantCulture)),
        XmlOutput.Attribute("autoport", AutoPort ? "yes" : null),
        XmlOutput.Attribute("tls", Tls ? "yes" : null));

    private static BlockExportAddress Unix(XElement address, bool tls, XmlCheck check)
    {
        check.Attributes(address, "type", "path", "socket", "tls");
        XAttribute[] given = [.. address.Attributes().Where(attribute => attribute.Name.LocalName is "path" or "socket")];
        if (given is not [var path])
            throw check.Broken(address, given.Length == 0 ? "the attribute 'path' is missing" : "'path' and 'socket' are words for the same: one of them says where the socket is");
        check.AbsolutePath(path);
        return Encoding.UTF8.GetByteCount(path.Value) <= MaxSocketPath
            ? new BlockExportAddress(null, null, AutoPort: false, path.Value, tls)
            : throw check.Broken(path, $"the path of a socket can have {MaxSocketPath} bytes at most");
    }

    private static BlockExportAddress Ip(XElement address, bool tls, XmlCheck check)
    {
        check.Attributes(address, "type", "host", "port", "autoport", "tls");
        string host = check.Required(address, "host");
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown || host.StartsWith('['))
            throw check.Broken(address.Attribute("host")!, $"{XmlErrors.Quote(host)} is neither a host's name nor an IP address");
        int? port = address.Attribute("port") is { } given ? (int)check.Number(given, given.Value, 0, MaxPort) : null;
        return new BlockExportAddress(host, port, check.Choice(address, "autoport", "yes", "no") == "yes", null, tls);
    }
}
