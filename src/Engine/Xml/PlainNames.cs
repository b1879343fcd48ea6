using System.Text;
using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>The names that <see cref="PlainXml"/> met last, so that the same few names in thousands of files are made once. Not for two threads at a time.</summary>
internal sealed class PlainNames
{
    private const int Slots = 128;

    private readonly XName?[] _known = new XName?[Slots];

    /// <summary>The name of these ASCII letters, not none.</summary>
    public XName Get(ReadOnlySpan<byte> local, XNamespace space)
    {
        ref XName? known = ref _known[((local.Length * 37) + (local[0] * 5) + (local[^1] * 3)) % Slots];
        if (known is null || known.Namespace != space || !IsSame(local, known.LocalName))
            known = space.GetName(Encoding.ASCII.GetString(local));
        return known;
    }

    private static bool IsSame(ReadOnlySpan<byte> bytes, string text)
    {
        if (bytes.Length != text.Length)
            return false;
        for (int index = 0; index < bytes.Length; index++)
        {
            if (bytes[index] != text[index])
                return false;
        }

        return true;
    }
}
