using System.Text;

namespace MomentTools.Machines.Serving;

/// <summary>Names of exports in the NBD protocol: any text, also none, which is the default export.</summary>
internal static class ExportNames
{
    // NBD protocol, "Values": strings have 4096 bytes at most.
    private const int MaxBytes = 4096;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Refuses what QEMU would refuse, cut off, or serve under another name.</summary>
    public static void Check(string name)
    {
        // QEMU writes it as two other bytes.
        if (name.Contains('\0', StringComparison.Ordinal))
            throw ServingDaemonErrors.NameInvalid(name.Replace('\0', '?'), "it holds a NUL");
        int bytes;
        try
        {
            bytes = Strict.GetByteCount(name);
        }
        catch (EncoderFallbackException)
        {
            throw ServingDaemonErrors.NameInvalid(name, "it is not valid Unicode");
        }

        if (bytes > MaxBytes)
            throw ServingDaemonErrors.NameInvalid(name, $"it has {bytes} bytes, and the NBD protocol allows {MaxBytes}");
    }

    /// <summary>The same for all exports of one address, whose names must differ.</summary>
    public static void Check(IEnumerable<string> names)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (string name in names)
        {
            Check(name);
            if (!seen.Add(name))
                throw ServingDaemonErrors.NameTaken(name, "another disk has");
        }
    }
}
