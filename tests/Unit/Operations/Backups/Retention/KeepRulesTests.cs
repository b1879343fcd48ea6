using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using MomentTools.Operations.Backups.Retention;

namespace MomentTools.Tests.Operations.Backups.Retention;

/// <summary>Vectors in the sense of what Proxmox Backup and borg publish of their keep-rules, and what holds for any backups.</summary>
public sealed class KeepRulesTests
{
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");

    // The cases of proxmox-backup's tests of prune: within one hour and over several, days of one week, and weeks, months and years that overlap.
    [Theory]
    [InlineData("hourly 3", "15T09:39 15T10:49 15T10:59 15T11:39 15T11:49 15T11:59", "15T09:39 15T10:59 15T11:59")]
    [InlineData("hourly 2", "15T09:39 15T10:49 15T10:59 15T11:39 15T11:49 15T11:59", "15T10:59 15T11:59")]
    [InlineData("last 4", "02T11:59 03T11:59 04T11:59 04T12:59", "02T11:59 03T11:59 04T11:59 04T12:59")]
    [InlineData("last 3", "02T11:59 03T11:59 04T11:59 04T12:59", "03T11:59 04T11:59 04T12:59")]
    [InlineData("last 1", "02T11:59 03T11:59 04T11:59 04T12:59", "04T12:59")]
    [InlineData("last 0", "02T11:59 03T11:59 04T11:59 04T12:59", "")]
    [InlineData("last 2,daily 2", "02T11:59 03T11:59 04T11:59 04T12:59", "02T11:59 03T11:59 04T11:59 04T12:59")]
    [InlineData("daily 3", "02T11:59 03T11:59 04T11:59 04T12:59", "02T11:59 03T11:59 04T12:59")]
    [InlineData("daily 2", "02T11:59 03T11:59 04T11:59 04T12:59", "03T11:59 04T12:59")]
    [InlineData("weekly 5", "02T11:59 03T11:59 04T11:59 04T12:59", "04T12:59")]
    [InlineData("daily 1,weekly 5", "02T11:59 03T11:59 04T11:59 04T12:59", "04T12:59")]
    [InlineData("weekly 5,monthly 6,yearly 7", "02T11:59 03T11:59 04T11:59 04T12:59", "04T12:59")]
    public void BackupsOfOneMonthAreKeptAsProxmoxKeepsThem(string rules, string made, string kept) =>
        Assert.Equal(Names(kept), Kept(rules, [.. Names(made).Select(name => (name, Utc($"2019-{(name.StartsWith("15", StringComparison.Ordinal) ? 11 : 12)}-{name}")))], TimeZoneInfo.Utc));

    [Theory]
    [InlineData("daily 1", "2019-12-04")]
    [InlineData("last 1,daily 1", "2019-12-03 2019-12-04")]
    [InlineData("daily 1,weekly 1", "2019-12-01 2019-12-04")]
    // Not 2019-11-29: the weekly rule passed it over for 2019-12-01 of the same week.
    [InlineData("daily 1,weekly 1,monthly 1", "2019-11-22 2019-12-01 2019-12-04")]
    [InlineData("monthly 1,yearly 1", "2018-11-15 2019-12-04")]
    public void BackupsOfSeveralMonthsAreKeptAsProxmoxKeepsThem(string rules, string kept)
    {
        string[] days = ["2018-11-15", "2019-11-15", "2019-11-21", "2019-11-22", "2019-11-29", "2019-12-01", "2019-12-02", "2019-12-03", "2019-12-04"];
        Assert.Equal(Names(kept), Kept(rules, [.. days.Select(day => (day, Utc(day + "T11:59")))], TimeZoneInfo.Utc));
    }

    // borg's documented example: each day of 2015 but 2015-12-19, --keep-daily 14 --keep-monthly 6 --keep-yearly 1.
    [Fact]
    public void AYearOfDaysIsKeptAsBorgsExampleSaysButForItsOldest()
    {
        (string, DateTimeOffset)[] days = [.. Enumerable.Range(0, 365).Select(day => new DateTimeOffset(2015, 1, 1, 3, 0, 0, TimeSpan.Zero).AddDays(day))
            .Where(day => day is not { Month: 12, Day: 19 }).Select(day => (day.ToString("MM-dd", CultureInfo.InvariantCulture), day))];
        string[] expected = ["06-30", "07-31", "08-31", "09-30", "10-31", "11-30", "12-17", "12-18", .. Enumerable.Range(20, 12).Select(day => $"12-{day}")];
        Assert.Equal(expected, Kept("daily 14,monthly 6,yearly 1", days, TimeZoneInfo.Utc));
    }

    [Fact]
    public void EachKeptBackupNamesItsRule()
    {
        (string, DateTimeOffset)[] made = [("a", Utc("2024-12-30T12:00")), ("b", Utc("2025-11-02T12:00")), ("c", Utc("2026-01-05T12:00")), ("d", Utc("2026-01-05T13:10")), ("e", Utc("2026-01-05T13:20"))];
        IReadOnlyDictionary<string, IReadOnlyList<string>> chosen = KeepRules.Choose(made, new KeepCounts(Last: 1, Hourly: 1, Weekly: 1, Yearly: 1), TimeZoneInfo.Utc);
        Assert.Equal(["a:yearly 2024", "b:weekly 2025-W44", "c:hourly 2026-01-05 12", "e:last 1"], chosen.OrderBy(one => one.Key).Select(one => $"{one.Key}:{string.Join('+', one.Value)}"));
    }

    [Fact]
    public void WeeksAreThoseOfIso8601()
    {
        // 2024-12-30 belongs to the first week of 2025, 2027-01-03 to the 53rd of 2026.
        (string, DateTimeOffset)[] made = [("a", Utc("2024-12-29T12:00")), ("b", Utc("2024-12-30T12:00")), ("c", Utc("2025-01-05T12:00")), ("d", Utc("2026-12-28T12:00")), ("e", Utc("2027-01-03T12:00")), ("f", Utc("2027-01-04T12:00"))];
        IReadOnlyDictionary<string, IReadOnlyList<string>> chosen = KeepRules.Choose(made, new KeepCounts(Weekly: 9), TimeZoneInfo.Utc);
        Assert.Equal(["a:weekly 2024-W52", "c:weekly 2025-W01", "e:weekly 2026-W53", "f:weekly 2027-W01"], chosen.OrderBy(one => one.Key).Select(one => $"{one.Key}:{one.Value[0]}"));
    }

    [Fact]
    public void DaysBeginWhereTheZoneSays()
    {
        (string, DateTimeOffset)[] made = [("a", Utc("2026-07-01T21:30")), ("b", Utc("2026-07-01T22:30")), ("c", Utc("2026-07-02T21:59"))];
        Assert.Equal(["a", "c"], Kept("daily 5", made, Berlin));
        Assert.Equal(["b", "c"], Kept("daily 5", made, TimeZoneInfo.Utc));
    }

    [Fact]
    public void TheHourThatTheClockHasTwiceInAutumnIsOneAndTheOneItSkipsInSpringIsNone()
    {
        (string, DateTimeOffset)[] autumn = [("00", Utc("2026-10-24T23:30")), ("02", Utc("2026-10-25T00:30")), ("02 again", Utc("2026-10-25T01:30")), ("03", Utc("2026-10-25T02:30"))];
        Assert.Equal(["02 again", "03"], Kept("hourly 2", autumn, Berlin));
        Assert.Equal(["00", "02 again", "03"], Kept("hourly 9", autumn, Berlin));
        Assert.Equal(["02", "02 again", "03"], Kept("hourly 3", autumn, TimeZoneInfo.Utc));
        (string, DateTimeOffset)[] spring = [("01", Utc("2026-03-29T00:30")), ("03", Utc("2026-03-29T01:00")), ("04", Utc("2026-03-29T02:00"))];
        Assert.Equal(["01", "03", "04"], Kept("hourly 3", spring, Berlin));
    }

    [Fact]
    public void WhereTheClockWasTurnedBackTheLastIsTheOneThatWasMadeLast()
    {
        (string, DateTimeOffset)[] made = [("a", Utc("2026-05-01T12:00")), ("future", Utc("2031-01-01T12:00")), ("b", Utc("2026-05-02T12:00")), ("c", Utc("2026-05-03T12:00"))];
        Assert.Equal(["c"], Kept("last 1", made, TimeZoneInfo.Utc));
        Assert.Equal(["b", "c"], Kept("daily 2", made, TimeZoneInfo.Utc));
        Assert.Equal(["b", "c", "future"], Kept("daily 3", made, TimeZoneInfo.Utc));
    }

    [Fact]
    public void TheEndsOfTimeAreNoError()
    {
        (string, DateTimeOffset)[] made = [("a", DateTimeOffset.MinValue), ("b", DateTimeOffset.MaxValue)];
        foreach (TimeZoneInfo zone in (TimeZoneInfo[])[TimeZoneInfo.Utc, Berlin, TimeZoneInfo.FindSystemTimeZoneById("America/New_York")])
            Assert.Equal(["a", "b"], Kept("hourly 1,daily 1,weekly 1,monthly 1,yearly 1", made, zone));
    }

    [Fact]
    public void ForAnyBackupsWhatStaysIsWhatTheRulesAllow() => Prop.ForAll(
        Gen.Choose(0, 40_000).ListOf().ToArbitrary(),
        Gen.Choose(0, 5).ListOf(6).ToArbitrary(),
        (hours, counts) =>
        {
            (string Id, DateTimeOffset Created)[] made = [.. hours.Select((hour, index) => ($"{index:D4}", Utc("2024-01-01T00:30").AddHours(hour)))];
            int[] n = [.. counts];
            IReadOnlyDictionary<string, IReadOnlyList<string>> kept = KeepRules.Choose(made, new KeepCounts(n[0], n[1], n[2], n[3], n[4], n[5]), Berlin);
            string[] rules = ["last", "hourly", "daily", "weekly", "monthly", "yearly"];
            string[][] byRule = [.. rules.Select(rule => kept.Values.Select(one => one.Single()).Where(one => one.StartsWith(rule + " ", StringComparison.Ordinal)).ToArray())];
            bool noMoreThanAllowed = byRule.Zip(n).All(pair => pair.First.Length <= pair.Second);
            bool eachPeriodOnce = byRule.All(periods => periods.Distinct().Count() == periods.Length);
            bool newestStays = made.Length == 0 || n.All(count => count == 0) || kept.ContainsKey(made[^1].Id);
            // Who keeps more by one rule alone keeps all that he kept before.
            var daily = KeepRules.Choose(made, new KeepCounts(Daily: n[2]), Berlin).Keys;
            var more = KeepRules.Choose(made, new KeepCounts(Daily: n[2] + 1), Berlin).Keys;
            return noMoreThanAllowed && eachPeriodOnce && newestStays && daily.All(more.Contains);
        }).QuickCheckThrowOnFailure();

    private static string[] Kept(string rules, IReadOnlyList<(string Id, DateTimeOffset Created)> made, TimeZoneInfo zone)
    {
        Dictionary<string, int?> counts = rules.Split(',').Select(rule => rule.Split(' ')).ToDictionary(rule => rule[0], rule => (int?)int.Parse(rule[1], CultureInfo.InvariantCulture));
        int? Of(string rule) => counts.GetValueOrDefault(rule);
        return [.. KeepRules.Choose(made, new KeepCounts(Of("last"), Of("hourly"), Of("daily"), Of("weekly"), Of("monthly"), Of("yearly")), zone).Keys.Order(StringComparer.Ordinal)];
    }

    private static string[] Names(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static DateTimeOffset Utc(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
}
