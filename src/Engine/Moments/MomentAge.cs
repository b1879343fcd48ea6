using System.Globalization;

namespace MomentTools.Moments;

/// <summary>How long ago a moment was taken, in at most eleven columns; as a date (UTC) where that says more.</summary>
internal static class MomentAge
{
    public static string Of(DateTimeOffset created, DateTimeOffset now)
    {
        TimeSpan age = now - created;
        // A clock that was set back puts moments into the future; then only the date is true.
        if (age < TimeSpan.FromMinutes(-1) || age >= TimeSpan.FromDays(100))
            return created.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        return age switch
        {
            { TotalMinutes: < 1 } => "just now",
            { TotalHours: < 1 } => $"{(int)age.TotalMinutes} min ago",
            { TotalDays: < 2 } => $"{(int)age.TotalHours} h ago",
            _ => $"{(int)age.TotalDays} days ago",
        };
    }
}
