using System.Text;

namespace MomentTools.Nbd;

/// <summary>Strings as they come over the wire: UTF-8 without a NUL (NBD protocol, "Conventions").</summary>
internal static class NbdText
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>A name that is matched and given back to the server, so it must be exactly what was sent.</summary>
    public static string Name(ReadOnlySpan<byte> bytes, string what, NbdEndpoint endpoint)
    {
        if (bytes.Length > NbdLimits.MaxString)
            throw NbdErrors.Violation(endpoint, $"the {what} has {bytes.Length} bytes, {NbdLimits.MaxString} are allowed");
        if (bytes.Contains((byte)0))
            throw NbdErrors.Violation(endpoint, $"the {what} holds a NUL");
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw NbdErrors.Violation(endpoint, $"the {what} is not UTF-8");
        }
    }

    /// <summary>Words for a human being: kept readable, and without the control characters that would drive a terminal.</summary>
    public static string Words(ReadOnlySpan<byte> bytes)
    {
        string text = Encoding.UTF8.GetString(bytes[..Math.Min(bytes.Length, NbdLimits.MaxString)]);
        return string.Create(text.Length, text, (span, source) =>
        {
            for (int at = 0; at < span.Length; at++)
                span[at] = char.IsControl(source[at]) ? ' ' : source[at];
        }).Trim();
    }

    /// <summary>The bytes of a name that we send.</summary>
    public static byte[] Bytes(string name, string what)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        return bytes.Length <= NbdLimits.MaxString ? bytes : throw NbdErrors.NameTooLong(what, name);
    }
}
