using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>Sizes with a <c>unit</c> attribute (formatdomain, "Memory Allocation"): b, KB = 1000, k or KiB = 1024, … E.</summary>
internal static class ByteSize
{
    private const string Prefixes = "kmgtpe";

    /// <summary>The bytes that an element like <c>&lt;memory unit='KiB'&gt;</c> says; without a unit it is KiB.</summary>
    public static long Read(XElement element, XmlCheck check)
    {
        string unit = element.Attribute("unit")?.Value ?? "KiB";
        if (Factor(unit) is not { } factor)
            throw check.Broken(element, $"the unit {XmlErrors.Quote(unit)} is unknown; there are b, KB, KiB, MB, MiB, GB, GiB, TB, TiB, PB, PiB");
        return check.Number(element, check.Text(element), 0, long.MaxValue / factor) * factor;
    }

    private static long? Factor(string unit)
    {
        string lower = unit.ToLowerInvariant();
        if (lower is "b" or "byte" or "bytes")
            return 1;
        int power = lower.Length == 0 ? 0 : Prefixes.IndexOf(lower[0], StringComparison.Ordinal) + 1;
        if (power == 0)
            return null;
        long? thousand = lower[1..] switch { "" or "ib" => 1024, "b" => 1000, _ => null };
        if (thousand is not { } each)
            return null;
        long factor = 1;
        for (int i = 0; i < power; i++)
            factor *= each;
        return factor;
    }
}
