using System.Globalization;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>What stands beside a name that completion offers: kind, time, and size, in one line.</summary>
internal static class CompletionTips
{
    // Nobody reads further, and each costs the reading of a file.
    private const int MostRead = 1000;
    private const int LongestDescription = 60;

    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>Tips for moments whose files are not read yet; of very many at once each says what the file's name and time tell.</summary>
    public static IEnumerable<CompletionItem> OfMoments(string vm, MomentStore store, IReadOnlyList<(MomentKey Key, string Text)> offered)
    {
        HeadReader heads = MomentFile.Heads();
        return offered.Select((one, index) => new CompletionItem(one.Text, (index < MostRead ? Read(vm, store, heads, one.Key) : null) ?? OfFile(vm, store, one.Key)));
    }

    /// <summary>The tip of a moment that is known.</summary>
    public static string Of(string vm, StoredMoment moment, IReadOnlyList<TrackingPoint> points)
    {
        string words = moment.Document is SnapshotDocument snapshot
            ? $"{snapshot.LocationText().ToLowerInvariant()} snapshot of {vm} ({SnapshotReading.Word(snapshot.MomentState())})"
            : $"checkpoint of {vm}";
        string size = points.Count == 0 ? "" : $", {Bytes(points.Sum(point => point.Size))} on {(points.Count == 1 ? "1 disk" : $"{points.Count} disks")}";
        return $"{words}, {Minute(moment.Created)}{size}{Description(moment.Document.Description)}";
    }

    /// <summary>Bytes with three digits and a unit of powers of 1024.</summary>
    public static string Bytes(long bytes)
    {
        double value = bytes;
        int unit = 0;
        for (; value >= 1023.5 && unit < Units.Length - 1; unit++)
            value /= 1024;
        return value.ToString(unit == 0 || value >= 99.95 ? "0" : value >= 9.995 ? "0.#" : "0.##", CultureInfo.InvariantCulture) + " " + Units[unit];
    }

    /// <summary>A time in the user's zone, to the minute.</summary>
    public static string Minute(DateTimeOffset time) => time.ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    /// <summary>A description behind a tip; on one line, and cut where it is long.</summary>
    public static string Description(string? words)
    {
        if (string.IsNullOrWhiteSpace(words))
            return "";
        string line = string.Join(' ', words.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return ": " + (line.Length <= LongestDescription ? line : line[..LongestDescription].TrimEnd() + "…");
    }

    private static string? Read(string vm, MomentStore store, HeadReader heads, MomentKey key)
    {
        try
        {
            MomentFileContent content = MomentFile.ReadHead(heads, store.PathOf(key), key);
            return Of(vm, content.Moment, [.. content.Points.Values]);
        }
        catch (MomentException)
        {
            return null;
        }
    }

    private static string OfFile(string vm, MomentStore store, MomentKey key) =>
        $"{(key.Kind == MomentKind.Checkpoint ? "checkpoint" : "snapshot")} of {vm}, {Minute(new DateTimeOffset(File.GetLastWriteTimeUtc(store.PathOf(key))))}";
}
