using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using MomentTools.Tests.Support;

namespace MomentTools.Fuzz;

/// <summary>Breaks XML as somebody would who knows it: elements moved, doubled and left out, values that stand elsewhere or at a limit; or its text.</summary>
internal static class XmlDamage
{
    private static readonly string[] Values =
    [
        "", " ", "0", "-1", "1", "yes", "no", "../../x", "/dev/zero", "a/b", ".", "..", "con\ttrol", "é\u0301😀", "%s%n", "$(x)", "'", "\"", "<&>", "checkpoint:", "snapshot:monday", "main",
        "18446744073709551615", "18446744073709551616", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "2147483648", "253402300800", "1e9", "0x10", "NaN",
        "9999-12-31T23:59:59.9999999+14:00", "0001-01-01T00:00:00-14:00", "00000000-0000-0000-0000-000000000000", new('x', 300), new('/', 5000),
    ];

    public static string Of(string sound, Random random)
    {
        if (random.Next(3) == 0)
            return XmlMutation.Of(sound, random);
        XElement root = XElement.Parse(sound, LoadOptions.PreserveWhitespace);
        for (int hits = random.Next(1, 4); hits > 0; hits--)
            Hit(root, random);
        string text;
        try
        {
            text = root.ToString(SaveOptions.DisableFormatting);
        }
        catch (Exception failure) when (failure is XmlException or ArgumentException)
        {
            // Half a character, or a prefix that was declared twice, can be in a text alone.
            return XmlMutation.Of(sound, random);
        }

        return random.Next(8) == 0 ? XmlMutation.Of(text, random) : text;
    }

    private static void Hit(XElement root, Random random)
    {
        XElement[] all = [.. root.DescendantsAndSelf()];
        XElement place = all[random.Next(all.Length)], other = all[random.Next(all.Length)];
        XAttribute[] attributes = [.. place.Attributes().Where(attribute => !attribute.IsNamespaceDeclaration)];
        XAttribute? attribute = attributes.Length == 0 ? null : attributes[random.Next(attributes.Length)];
        switch (random.Next(11))
        {
            case 0 when place != root:
                place.Remove();
                break;
            case 1 when place != root:
                place.AddAfterSelf(new XElement(place));
                break;
            case 2:
                place.Add(new XElement(other));
                break;
            case 3:
                place.Name = place.Name.Namespace + other.Name.LocalName;
                break;
            case 4 when attribute is not null:
                attribute.Remove();
                break;
            // A name that is there already: two of one id, a parent that is its own child.
            case 5 or 6 when attribute is not null:
                attribute.Value = ValueIn(all, random);
                break;
            case 7 when attribute is not null:
                attribute.Value = Near(attribute.Value, random);
                break;
            case 8 when attribute is not null:
                place.SetAttributeValue(other.Name.LocalName, attribute.Value);
                break;
            case 9 when !place.HasElements:
                place.Value = random.Next(2) == 0 ? ValueIn(all, random) : Near(place.Value, random);
                break;
            default:
                if (attribute is not null)
                    attribute.Value = Values[random.Next(Values.Length)];
                else if (!place.HasElements)
                    place.Value = Values[random.Next(Values.Length)];
                break;
        }
    }

    private static string ValueIn(XElement[] all, Random random)
    {
        XElement from = all[random.Next(all.Length)];
        return from.FirstAttribute is { } attribute && random.Next(3) > 0 ? attribute.Value : from.HasElements ? from.Name.LocalName : from.Value;
    }

    private static string Near(string value, Random random) => long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
        ? unchecked(random.Next(4) switch { 0 => number + 1, 1 => number - 1, 2 => -number, _ => number << random.Next(64) }).ToString(CultureInfo.InvariantCulture)
        : value.Length == 0 ? "x" : value[..random.Next(value.Length)] + Values[random.Next(Values.Length)];
}
