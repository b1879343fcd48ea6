using System.Globalization;

namespace MomentTools.Operations.Backups.Retention;

/// <summary>
/// Which backups keep-rules keep, as Proxmox Backup's prune does: the rules have their turn from "last" to "yearly"; each goes from the newest
/// backup to the oldest and takes the newest of a period; a period of which an earlier rule kept a backup does not count, and what a rule passed over
/// because it took a newer one of the same period, no later rule takes. (borg counts alike, but lets later rules take what was passed over, and
/// keeps the oldest archive as well where a rule is short of its number.)
/// </summary>
internal static class KeepRules
{
    /// <param name="backups">The backups that can be restored, in the order they were made; the clock need not have run forwards.</param>
    /// <param name="counts">How many each rule keeps.</param>
    /// <param name="zone">In which hours, days, weeks (ISO 8601), months and years begin. The hour that an autumn's clock has twice is one.</param>
    /// <returns>For the id of each backup that stays, the rules that keep it, like "last 1" and "weekly 2026-W47".</returns>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Choose(
        IReadOnlyList<(string Id, DateTimeOffset Created)> backups, KeepCounts counts, TimeZoneInfo zone)
    {
        (string Id, DateTime Time)[] newestFirst = [.. backups.Reverse().Select(backup => (backup.Id, TimeZoneInfo.ConvertTime(backup.Created, zone).DateTime))];
        // Of those that were passed over the rule is null.
        Dictionary<string, string?> marks = new(StringComparer.Ordinal);
        // A backup is a period of its own for this rule; what keeps it says which it is, and not its id.
        Dictionary<string, int> age = newestFirst.Select((backup, index) => (backup.Id, Index: index + 1)).ToDictionary(pair => pair.Id, pair => pair.Index, StringComparer.Ordinal);
        Mark(newestFirst, marks, "last", counts.Last, backup => $"{age[backup.Id]}");
        Mark(newestFirst, marks, "hourly", counts.Hourly, backup => Text(backup.Time, "yyyy-MM-dd HH"));
        Mark(newestFirst, marks, "daily", counts.Daily, backup => Text(backup.Time, "yyyy-MM-dd"));
        Mark(newestFirst, marks, "weekly", counts.Weekly, backup => string.Create(CultureInfo.InvariantCulture, $"{ISOWeek.GetYear(backup.Time):D4}-W{ISOWeek.GetWeekOfYear(backup.Time):D2}"));
        Mark(newestFirst, marks, "monthly", counts.Monthly, backup => Text(backup.Time, "yyyy-MM"));
        Mark(newestFirst, marks, "yearly", counts.Yearly, backup => Text(backup.Time, "yyyy"));
        return marks.Where(mark => mark.Value is not null).ToDictionary(mark => mark.Key, mark => (IReadOnlyList<string>)[mark.Value!], StringComparer.Ordinal);
    }

    private static void Mark(
        (string Id, DateTime Time)[] newestFirst, Dictionary<string, string?> marks, string rule, int? count, Func<(string Id, DateTime Time), string> period)
    {
        HashSet<string> earlier = new(newestFirst.Where(backup => marks.GetValueOrDefault(backup.Id) is not null).Select(period), StringComparer.Ordinal);
        HashSet<string> taken = new(StringComparer.Ordinal);
        foreach ((string Id, DateTime Time) backup in newestFirst)
        {
            string name = period(backup);
            if (marks.ContainsKey(backup.Id) || earlier.Contains(name))
                continue;
            if (taken.Contains(name))
            {
                marks.Add(backup.Id, null);
                continue;
            }

            if (taken.Count >= (count ?? 0))
                return;
            taken.Add(name);
            marks.Add(backup.Id, $"{rule} {name}");
        }
    }

    private static string Text(DateTime time, string format) => time.ToString(format, CultureInfo.InvariantCulture);
}
