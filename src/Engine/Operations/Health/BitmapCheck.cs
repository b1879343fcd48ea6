using MomentTools.Machines.Serving;
using MomentTools.Moments;

namespace MomentTools.Operations.Health;

/// <summary>
/// Holds the bitmaps that a disk's tree refers to against those that are on a layer, as QEMU or the file tells. What one cause did to
/// several bitmaps is one finding. Pure.
/// </summary>
internal sealed class BitmapCheck
{
    private readonly DiskFacts _facts;
    private readonly ObservedLayer _seen;
    private readonly FindingList _findings;
    private readonly string _disk;
    private readonly TrackingTip? _tip;

    // The bitmaps that edges refer to on this layer, each with the moment it was opened at.
    private readonly List<(SegmentSource.Bitmap Source, string? Moment)> _sources;

    private BitmapCheck(DiskFacts facts, string? layerId, ObservedLayer seen, FindingList findings)
    {
        _facts = facts;
        _seen = seen;
        _findings = findings;
        _disk = facts.Tracking.Disk;
        _tip = facts.Tracking.ActiveTip is { } tip && tip.LayerId == layerId ? tip : null;
        _sources = [.. facts.Tracking.Points.Values.SelectMany(point => point.Sources.OfType<SegmentSource.Bitmap>()
            .Where(source => source.LayerId == layerId).Select(source => (source, facts.Tracking.NearestMoment(point.ParentId)?.Name)))];
        // Where the recording bitmap was given up, the edge does not refer to it any more; it should be there all the same.
        if (_tip is not null)
            _sources.Add((new SegmentSource.Bitmap(_tip.LayerId, _tip.Recording, null), facts.Tracking.Current?.Name));
        // What records for another branch that was left on this layer is no closed history.
        HashSet<string> others = [.. facts.Tracking.Tips.Values.Where(other => other != facts.Tracking.ActiveTip && other.LayerId == layerId).Select(other => other.Recording)];
        _sources.RemoveAll(pair => others.Contains(pair.Source.Name));
        _sources = [.. _sources.DistinctBy(pair => pair.Source.Name, StringComparer.Ordinal)];
    }

    /// <summary>Judges the layer that the machine writes to.</summary>
    public static void RunActive(DiskFacts facts, ObservedLayer seen, FindingList findings)
    {
        var check = new BitmapCheck(facts, facts.Tracking.ActiveTip?.LayerId, seen, findings);
        if (check._tip is null || check.CheckMark(check._tip))
            check.CheckEach(withOthers: true);
    }

    /// <summary>Judges a layer that is not written to any more.</summary>
    public static void RunFrozen(DiskFacts facts, string layerId, ObservedLayer seen, FindingList findings) =>
        new BitmapCheck(facts, layerId, seen, findings).CheckEach(withOthers: false);

    // Without the mark of the recorded state nothing else in the image proves anything, so nothing else is told of it.
    private bool CheckMark(TrackingTip tip)
    {
        if (_seen.Bitmaps.GetValueOrDefault(tip.Marker) is { Inconsistent: false, Recording: false })
            return true;
        string[] inconsistent = [.. _seen.Bitmaps.Values.Where(bitmap => bitmap.Inconsistent).Select(bitmap => bitmap.Name).Order(StringComparer.Ordinal)];
        if (inconsistent.Length > 0)
            Add(FindingIds.BitmapInconsistent, FindingList.Error, inconsistent,
                $"QEMU died while the image of disk '{_disk}' was open, so its bitmaps ({FindingList.Listed(inconsistent)}) are inconsistent. {Lost()}",
                $"'{_findings.Repair}' saves what can be proven and records anew; only the next backup of this disk may need more than usual.");
        else if (_facts.Reason is not null || _seen.Bitmaps.Keys.Any(name => name.StartsWith(TrackingTip.MarkerPrefix, StringComparison.Ordinal)))
            Add(FindingIds.ImageReplaced, FindingList.Error, [],
                $"The image of disk '{_disk}' is not in the state that was recorded: {_facts.Reason ?? "it bears the mark of another one, as an older copy does"}. {Lost()}",
                $"If this is the content that you want, '{_findings.Repair}' records anew from it; else stop the machine and put the right image back.");
        else
            Add(FindingIds.BitmapMissing, FindingList.Error, Expected(tip),
                _seen.Bitmaps.Count == 0
                    ? $"The image of disk '{_disk}' has no bitmaps: QEMU died before it could store them, somebody removed them, or another image was put in its place. {Lost()}"
                    : $"The image of disk '{_disk}' has lost '{tip.Marker}', the mark of the recorded state, so none of its bitmaps is proven. {Lost()}",
                $"'{_findings.Repair}' takes saved copies of the bitmaps where they are there, and records anew.");
        return false;
    }

    private void CheckEach(bool withOthers)
    {
        foreach (var group in _sources.Select(pair => (pair.Source, pair.Moment, Id: Trouble(pair.Source))).Where(one => one.Id is not null)
            .GroupBy(one => (one.Id, Severity: SeverityOf(one.Source))))
        {
            string[] bitmaps = [.. group.Select(one => one.Source.Name).Order(StringComparer.Ordinal)];
            string[] moments = [.. group.Select(one => one.Moment).OfType<string>().Distinct(StringComparer.Ordinal)];
            bool records = group.Any(one => IsRecording(one.Source));
            Add(group.Key.Id!, group.Key.Severity, bitmaps, $"{Words(group.Key.Id!, bitmaps)} {Consequence(group.Key.Severity, records, moments)}",
                $"'{_findings.Repair}' {(records ? "records anew from now on" : group.Key.Severity == FindingList.Information ? "takes the saved copies in their place for good" : "writes down that this is lost")}.",
                moments.Length == 1 ? moments[0] : null);
        }

        if (withOthers)
            CheckOthers();
    }

    private string? Trouble(SegmentSource.Bitmap source) => _seen.Bitmaps.GetValueOrDefault(source.Name) switch
    {
        null => FindingIds.BitmapMissing,
        { Inconsistent: true } => FindingIds.BitmapInconsistent,
        { Granularity: not TrackingProof.Granularity } => FindingIds.BitmapGranularity,
        { Persistent: false } => FindingIds.BitmapTemporary,
        { Recording: false } when IsRecording(source) => FindingIds.BitmapNotRecording,
        { Recording: true } when !IsRecording(source) => FindingIds.BitmapRecording,
        _ => null,
    };

    // Bitmaps that no edge refers to. What may belong to a moment that could not be loaded is not told of.
    private void CheckOthers()
    {
        HashSet<string> known = [.. _sources.Select(pair => pair.Source.Name)];
        if (_tip is not null)
            known.Add(_tip.Marker);
        List<string> foreign = [], leftover = [];
        foreach (string name in _seen.Bitmaps.Keys.Where(name => !known.Contains(name)).Order(StringComparer.Ordinal))
        {
            bool isOurs = name.StartsWith("mt-", StringComparison.Ordinal);
            if (_findings.Busy && name.StartsWith("mt-tmp-", StringComparison.Ordinal))
                continue;
            // Of block snapshots: these are held against their records (ServingCheck).
            if (name.StartsWith(BlockSnapshotNodes.Prefix, StringComparison.Ordinal))
                continue;
            if (_facts.Incomplete && (isOurs || _facts.Moments.Contains(name)))
                continue;
            if (isOurs || _facts.Tracking.Points.Values.Any(point => point.Moment?.Name == name))
                leftover.Add(name);
            else if (_facts.Moments.Contains(name))
                AddNameTaken(name);
            else
                foreign.Add(name);
        }

        if (foreign.Count > 0)
            Add(FindingIds.BitmapForeign, FindingList.Information, foreign,
                $"The image of disk '{_disk}' has {(foreign.Count == 1 ? "a bitmap" : "bitmaps")} that no moment names: {FindingList.Listed(foreign)}. It is not ours, and does no harm but that its name is taken and that each that records costs a little at every write.",
                $"'Import-VMMoment {_findings.Vm} -FromBitmap {FindingList.Word(foreign[0])}' makes a moment of it, if it records; 'Remove-VMBitmap {_findings.Vm} {FindingList.Word(foreign[0])} -Disk {_disk}' removes it.");
        if (leftover.Count > 0)
            Add(FindingIds.BitmapLeftover, FindingList.Information, leftover,
                $"The image of disk '{_disk}' has {(leftover.Count == 1 ? "a bitmap" : "bitmaps")} of ours that nothing refers to any more: {FindingList.Listed(leftover)}.",
                $"'{_findings.Repair}' removes {(leftover.Count == 1 ? "it" : "them")}.");
    }

    private void AddNameTaken(string name) =>
        Add(FindingIds.BitmapNameTaken, FindingList.Warning, [name],
            $"The image of disk '{_disk}' has a bitmap '{name}', but the moment '{name}' does not cover this disk: somebody else made the bitmap.",
            $"Remove it with 'Remove-VMBitmap {_findings.Vm} {FindingList.Word(name)} -Disk {_disk}', or with '{_findings.Repair} -RemoveForeign'.", name);

    private string Words(string id, string[] bitmaps)
    {
        string which = $"{(bitmaps.Length == 1 ? "The bitmap" : "The bitmaps")} {FindingList.Listed(bitmaps)} of disk '{_disk}'", are = bitmaps.Length == 1 ? "is" : "are";
        return id switch
        {
            FindingIds.BitmapMissing => $"{which} {are} not in the image any more.",
            FindingIds.BitmapInconsistent => $"{which} {are} inconsistent: QEMU died while the image was open.",
            FindingIds.BitmapGranularity => $"{which} {(bitmaps.Length == 1 ? "has" : "have")} another granularity than {TrackingProof.Granularity} bytes: somebody made {(bitmaps.Length == 1 ? "it" : "them")} anew.",
            FindingIds.BitmapTemporary => $"{which} would not survive the end of QEMU: somebody made {(bitmaps.Length == 1 ? "it" : "them")} anew.",
            FindingIds.BitmapNotRecording => $"{which} {are} switched off, so writes may be missing in {(bitmaps.Length == 1 ? "it" : "them")}.",
            _ => $"{which} {are} closed history, but {(bitmaps.Length == 1 ? "was" : "were")} switched on again by somebody.",
        };
    }

    private static string Consequence(string severity, bool records, string[] moments)
    {
        string since = moments.Length == 0 ? "" : $" since {FindingList.Listed(moments)}";
        return records ? $"What was written{since} is not known."
            : severity == FindingList.Information ? "Nothing is lost: saved copies serve in their place."
            : $"What changed{since} up to the next moment is not known.";
    }

    private string Lost()
    {
        string? since = _facts.Tracking.Current?.Name;
        int unsaved = _sources.Count(pair => !IsRecording(pair.Source) && SeverityOf(pair.Source) == FindingList.Error);
        return $"What was written{(since is null ? "" : $" since '{since}'")} is not known{(unsaved == 0 ? "; older changes are saved." : $", nor are {unsaved} older segments, of which there is no saved copy.")}";
    }

    private string SeverityOf(SegmentSource.Bitmap source) =>
        !IsRecording(source) && source.SidecarId is { } sidecar && _facts.IsSaved(sidecar) ? FindingList.Information : FindingList.Error;

    private bool IsRecording(SegmentSource.Bitmap source) => source.Name == _tip?.Recording;

    private string[] Expected(TrackingTip tip) =>
        [.. _sources.Select(pair => pair.Source.Name).Append(tip.Marker).Where(name => !_seen.Bitmaps.ContainsKey(name)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    private void Add(string id, string severity, IReadOnlyList<string> bitmaps, string text, string remedy, string? moment = null) =>
        _findings.Add(id, severity, text, remedy, moment, _disk, _seen.Path, bitmaps: bitmaps);
}
