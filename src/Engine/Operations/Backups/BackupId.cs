using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;

namespace MomentTools.Operations.Backups;

/// <summary>The ids of backups: the time in UTC and four random digits, <c>20261121T023715Z-9f3c</c>. They sort by time.</summary>
internal static class BackupId
{
    public const int Length = 21;

    private const int TimeLength = 16;
    private const string TimeFormat = "yyyyMMdd'T'HHmmss'Z'";

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    /// <summary>A new id that sorts behind the newest one there is, also where the clock was set back since.</summary>
    public static string New(DateTimeOffset now, string? newest)
    {
        DateTime time = now.UtcDateTime;
        if (newest is not null && TryTime(newest, out DateTime last) && time < last.AddSeconds(1) && last < DateTime.MaxValue.AddSeconds(-2))
            time = last.AddSeconds(1);
        return time.ToString(TimeFormat, CultureInfo.InvariantCulture) + "-" + RandomNumberGenerator.GetHexString(Length - TimeLength - 1, lowercase: true);
    }

    public static bool IsValid(string? id) =>
        id is { Length: Length } && id[TimeLength] == '-' && id.AsSpan(TimeLength + 1).IndexOfAnyExcept(HexDigits) < 0 && TryTime(id, out _);

    /// <summary>The time in an id; null where it is none.</summary>
    public static DateTimeOffset? TimeOf(string? id) => IsValid(id) && TryTime(id!, out DateTime time) ? new DateTimeOffset(time) : null;

    private static bool TryTime(string id, out DateTime time) => DateTime.TryParseExact(
        id.AsSpan(0, Math.Min(TimeLength, id.Length)), TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal, out time);
}
