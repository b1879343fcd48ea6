namespace MomentTools.Tests.Soak;

/// <summary>What a soak did.</summary>
internal sealed class SoakCounts
{
    private readonly SortedDictionary<string, int> _done = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, int> _refused = new(StringComparer.Ordinal);

    /// <summary>Disks read back, of restores and exports, and compared byte for byte with a copy of the same instant.</summary>
    public int Compared { get; set; }

    /// <summary>Answers to what changed that were held against two copies.</summary>
    public int Answers { get; set; }

    /// <summary>Answers "unknown", where a power cut took a part of the way.</summary>
    public int Unknown { get; set; }

    /// <summary>How often the guest found its file system sound and all its files whole at a start.</summary>
    public int Starts { get; set; }

    /// <summary>Backups that were booted.</summary>
    public int Booted { get; set; }

    public int Files { get; set; }

    public int Operations => _done.Values.Sum();

    public void Did(string what) => _done[what] = _done.GetValueOrDefault(what) + 1;

    public void Refuse(string id) => _refused[id] = _refused.GetValueOrDefault(id) + 1;

    public override string ToString() =>
        $"{Operations} operations ({Each(_done)}), {_refused.Values.Sum()} refused{(_refused.Count == 0 ? "" : $" ({Each(_refused)})")}; the guest wrote {Files} files, and found all of them whole at {Starts} starts; "
        + $"{Compared} disks of restores and exports compared, {Booted} backups booted; {Answers} change sets held against what differs, {Unknown} unknown";

    private static string Each(SortedDictionary<string, int> counts) => string.Join(", ", counts.Select(one => $"{one.Value} {one.Key}"));
}
