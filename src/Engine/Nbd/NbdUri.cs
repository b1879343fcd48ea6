using System.Globalization;
using System.Text;

namespace MomentTools.Nbd;

/// <summary>
/// An export, where it is served, and whether with TLS: <c>nbd://</c>, <c>nbds://</c>, <c>nbd+unix://</c> and <c>nbds+unix://</c>
/// (the NBD project's URI specification, doc/uri.md).
/// </summary>
/// <param name="ExportName">Not escaped; empty for the default export.</param>
/// <param name="Encrypted">Whether the scheme demands TLS: then nothing else will do.</param>
internal sealed record NbdUri(NbdAddress Address, string ExportName, bool Encrypted)
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The directory of certificates (libnbd's tls-certificates), or null.</summary>
    public string? TlsCertificates { get; init; }

    /// <summary>The name that the server's certificate must bear (libnbd's tls-hostname), or null for the host's.</summary>
    public string? TlsHostName { get; init; }

    /// <summary>Reads a URI. Parameters that are not known are passed over, as the specification wants; those that would weaken TLS are refused.</summary>
    public static NbdUri Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int schemeEnd = text.IndexOf("://", StringComparison.Ordinal);
        string scheme = schemeEnd < 0 ? "" : text[..schemeEnd].ToLowerInvariant();
        if (scheme is not ("nbd" or "nbds" or "nbd+unix" or "nbds+unix"))
            throw Refused(text, "it begins with none of 'nbd://', 'nbds://', 'nbd+unix://' and 'nbds+unix://'");
        string rest = text[(schemeEnd + 3)..];
        if (rest.Contains('#', StringComparison.Ordinal))
            throw Refused(text, "it has a '#'; in an export's name that is written %23");
        int queryAt = rest.IndexOf('?', StringComparison.Ordinal);
        Dictionary<string, string> parameters = queryAt < 0 ? [] : Parameters(rest[(queryAt + 1)..], text);
        string path = queryAt < 0 ? rest : rest[..queryAt];
        int slash = path.IndexOf('/', StringComparison.Ordinal);
        string authority = slash < 0 ? path : path[..slash];
        string name = slash < 0 ? "" : Unescape(path[(slash + 1)..], text);
        bool encrypted = scheme.StartsWith("nbds", StringComparison.Ordinal);
        if (authority.Contains('@', StringComparison.Ordinal))
            throw Refused(text, "a user's name is for pre-shared keys, which are not supported");
        RefuseWeakening(parameters, text);
        return new NbdUri(scheme.EndsWith("+unix", StringComparison.Ordinal) ? Unix(authority, parameters, text) : Tcp(authority, parameters, text), name, encrypted)
        {
            TlsCertificates = parameters.GetValueOrDefault("tls-certificates"),
            TlsHostName = parameters.GetValueOrDefault("tls-hostname"),
        };
    }

    /// <summary>How the connection is to be made: with TLS, and from which certificates, where the scheme demands it.</summary>
    /// <exception cref="Errors.MomentException"><c>NbdTlsCredentialsInvalid</c>: TLS is demanded, and nothing says with which certificates.</exception>
    public NbdOptions Options(NbdOptions options)
    {
        if (!Encrypted)
            return options;
        NbdTls tls = TlsCertificates is null ? options.Tls ?? throw NbdErrors.TlsCredentialsInvalid(ToString(), "nothing says where the certificates are")
            : options.Tls is null ? new NbdTls(TlsCertificates) : options.Tls with { Directory = TlsCertificates };
        return options with { Tls = TlsHostName is null ? tls : tls with { HostName = TlsHostName } };
    }

    public override string ToString()
    {
        var text = new StringBuilder(Address.ToUri(ExportName, Encrypted));
        foreach ((string key, string? value) in new[] { ("tls-certificates", TlsCertificates), ("tls-hostname", TlsHostName) })
        {
            if (value is not null)
                text.Append(text.ToString().Contains('?', StringComparison.Ordinal) ? '&' : '?').Append(key).Append('=').Append(Uri.EscapeDataString(value));
        }

        return text.ToString();
    }

    private static NbdAddress Unix(string authority, Dictionary<string, string> parameters, string text)
    {
        if (authority.Length > 0)
            throw Refused(text, "a unix socket has no host: the export's name stands behind the third '/'");
        if (!parameters.TryGetValue("socket", out string? socket))
            throw Refused(text, "it names no socket; that is '?socket=/path'");
        return socket.StartsWith('/') ? NbdAddress.Parse(socket) : throw Refused(text, "the path of a socket must be absolute");
    }

    private static NbdAddress Tcp(string authority, Dictionary<string, string> parameters, string text)
    {
        if (parameters.ContainsKey("socket"))
            throw Refused(text, "a socket is for the schemes 'nbd+unix' and 'nbds+unix'");
        return NbdAddress.Parse($"tcp://{(authority.Length == 0 ? "localhost" : Unescape(authority, text))}");
    }

    private static void RefuseWeakening(Dictionary<string, string> parameters, string text)
    {
        if (parameters.ContainsKey("tls-psk-file"))
            throw Refused(text, "pre-shared keys are not supported: only x509 certificates are");
        if (parameters.TryGetValue("tls-verify-peer", out string? verify) && verify is not ("true" or "on" or "1"))
            throw Refused(text, "the server's certificate is always verified");
    }

    private static Dictionary<string, string> Parameters(string query, string text)
    {
        var parameters = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string one in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = one.IndexOf('=', StringComparison.Ordinal);
            string key = Unescape(equals < 0 ? one : one[..equals], text);
            if (!parameters.TryAdd(key, equals < 0 ? "" : Unescape(one[(equals + 1)..], text)))
                throw Refused(text, $"'{key}' stands there twice");
        }

        return parameters;
    }

    // Uri.UnescapeDataString leaves what it does not understand as it is, and so gives another name than the one that was meant.
    private static string Unescape(string escaped, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(escaped);
        int length = 0;
        for (int at = 0; at < bytes.Length; at++)
        {
            byte value = bytes[at];
            if (value == '%' && (at + 2 >= bytes.Length || !byte.TryParse(bytes.AsSpan(at + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)))
                throw Refused(text, "a '%' is not followed by two hexadecimal digits");
            at += bytes[at] == '%' ? 2 : 0;
            bytes[length++] = value;
        }

        try
        {
            string plain = Strict.GetString(bytes, 0, length);
            return plain.Contains('\0', StringComparison.Ordinal) ? throw Refused(text, "it holds a NUL") : plain;
        }
        catch (DecoderFallbackException)
        {
            throw Refused(text, "what is written with '%' is not UTF-8");
        }
    }

    private static Errors.MomentException Refused(string text, string why) => NbdErrors.UriNotUnderstood(text, why);
}
