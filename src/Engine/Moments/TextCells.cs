using System.Globalization;
using System.Text;

namespace MomentTools.Moments;

/// <summary>Text as a terminal shows it: names may be in any script, and those of a foreign file may hold anything.</summary>
internal static class TextCells
{
    private const char Ellipsis = '…';

    /// <summary>The text with everything that could move the cursor or turn the direction replaced by U+FFFD.</summary>
    public static string Printable(string text)
    {
        var printable = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isHarmless = Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
            printable.Append((isHarmless ? rune : Rune.ReplacementChar).ToString());
        }

        return printable.ToString();
    }

    /// <summary>The number of columns that printable text takes.</summary>
    public static int Width(string text) => text.EnumerateRunes().Sum(Width);

    /// <summary>The text, cut to a number of columns and ended with "…" where it is longer.</summary>
    public static string Fit(string text, int columns)
    {
        if (Width(text) <= columns)
            return text;
        var cut = new StringBuilder();
        int used = 1;
        foreach (Rune rune in text.EnumerateRunes())
        {
            used += Width(rune);
            if (used > columns)
                break;
            cut.Append(rune.ToString());
        }

        return cut.Append(Ellipsis).ToString();
    }

    // Unicode Standard Annex 11 (East Asian Width), its large ranges of wide characters.
    private static int Width(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark => 0,
        _ => rune.Value is (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF)
            or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6) or (>= 0x1F300 and <= 0x1FAFF)
            or (>= 0x20000 and <= 0x3FFFD) ? 2 : 1,
    };
}
