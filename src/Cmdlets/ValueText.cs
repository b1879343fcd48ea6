using System.Globalization;
using System.Text.RegularExpressions;

namespace MomentTools.Cmdlets;

/// <summary>Times and sizes as people write them: 30m, 8h, 2d; 64MB, 1.5 GiB.</summary>
internal static partial class ValueText
{
    /// <summary>A hundred years: beyond it the end of something is no date any more.</summary>
    public static readonly TimeSpan LongestDuration = TimeSpan.FromDays(36525);

    private static readonly string[] Sizes = ["", "K", "M", "G", "T", "P"];

    /// <summary>A length of time: a number with s, m, h or d, or as .NET writes it (8:00, 1.0:0). A bare number has no unit, so it is none, except 0.</summary>
    public static TimeSpan? Duration(string text)
    {
        Match match = DurationPattern().Match(text);
        if (!match.Success || !double.TryParse(match.Groups["number"].Value, CultureInfo.InvariantCulture, out double number))
            return text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out TimeSpan time) ? time : text.Trim() == "0" ? TimeSpan.Zero : null;
        double seconds = number * match.Groups["unit"].Value.ToLowerInvariant() switch { "s" => 1, "m" => 60, "h" => 3600, _ => 86400 };
        return seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : null;
    }

    /// <summary>
    /// A number of bytes as it is written, be it one that nothing can have: a part of a byte, less than none, or more than a long holds. KB and
    /// KiB mean the same, 1024, as in PowerShell.
    /// </summary>
    public static decimal? Bytes(string text)
    {
        Match match = BytesPattern().Match(text);
        if (!match.Success)
            return null;
        decimal unit = 1L << 10 * Array.IndexOf(Sizes, match.Groups["unit"].Value.ToUpperInvariant());
        bool read = decimal.TryParse(match.Groups["number"].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number);
        decimal bytes = read && number <= long.MaxValue / unit ? number * unit : decimal.MaxValue;
        return match.Groups["minus"].Success ? -bytes : bytes;
    }

    [GeneratedRegex(@"^\s*(?<number>\d{1,9}(\.\d{1,9})?)\s*(?<unit>[smhd])\s*$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex DurationPattern();

    // Of twenty digits behind the point a decimal loses none that would make nothing of something.
    [GeneratedRegex(@"^\s*(?<minus>-)?(?<number>\d+(\.\d{1,20})?)\s*((?<unit>[KMGTP]?)(i?B)?)\s*$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex BytesPattern();
}
