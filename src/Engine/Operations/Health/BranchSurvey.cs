using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Snapshots;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Health;

/// <summary>
/// Looks at the images of one disk that the machine does not work on: those of other branches, of snapshots, and of what is kept for Undo.
/// Whether a layer that snapshots stand on was written is told by <see cref="FrozenCheck"/>, what became of closed bitmaps by
/// <see cref="BitmapCheck"/>.
/// </summary>
internal sealed class BranchSurvey(DiskTracking tracking, FindingList findings)
{
    private readonly HashSet<string> _activeChain = [.. LayerDrift.Recorded(tracking).Select(layer => layer.Id)];

    public async Task RunAsync(CancellationToken cancellation)
    {
        foreach (TrackingLayer layer in tracking.Layers.Values.Where(layer => !_activeChain.Contains(layer.Id) && !File.Exists(layer.Path)).OrderBy(layer => layer.Path, StringComparer.Ordinal))
            AddMissing(layer);
        foreach ((string branch, TrackingTip tip) in tracking.Tips.Where(tip => tip.Key != tracking.ActiveBranch).OrderBy(tip => tip.Key, StringComparer.Ordinal))
            if (tracking.Layers.GetValueOrDefault(tip.LayerId) is { } layer && File.Exists(layer.Path))
                await CheckAsync(branch, tip, layer, cancellation);
    }

    /// <summary>Whether it was told already that an image is missing, or cannot be read.</summary>
    public static bool IsTold(FindingList findings, string disk, string path) =>
        findings.All.Any(finding => finding.Id is FindingIds.LayerMissing or FindingIds.DiskMissing or FindingIds.ImageUnreadable && finding.Disk == disk && finding.Layer == path);

    // What nobody goes back to is the collector's business.
    private void AddMissing(TrackingLayer layer)
    {
        IReadOnlyList<string> snapshots = FrozenLayers.Snapshots(tracking, layer.Id);
        string[] branches = [.. tracking.Tips.Where(tip => tip.Key != tracking.ActiveBranch && FrozenLayers.IsReadThrough(tracking, tip.Value.LayerId, layer.Id)).Select(tip => tip.Key).Order(StringComparer.Ordinal)];
        string[] named = [.. branches.Where(branch => !Branch.IsHiddenName(branch))];
        string[] who =
        [
            .. snapshots.Count > 0 ? [$"{(snapshots.Count == 1 ? "snapshot" : "snapshots")} {FindingList.Listed(snapshots)}"] : (string[])[],
            .. named.Length > 0 ? [$"{(named.Length == 1 ? "branch" : "branches")} {FindingList.Listed(named)}"] : (string[])[],
            .. named.Length < branches.Length ? ["what is kept for Undo-VMSnapshot"] : (string[])[],
        ];
        if (who.Length == 0 || IsTold(findings, tracking.Disk, layer.Path))
            return;
        findings.Add(FindingIds.LayerMissing, FindingList.Error,
            $"The image '{layer.Path}' of disk '{tracking.Disk}' is not there, and {string.Join(" and ", who)} cannot be gone back to without it.",
            $"Put the file back. If it is gone for good, 'Remove-VMSnapshot {findings.Vm}' or 'Remove-VMBranch {findings.Vm}' takes out what needs it.",
            snapshots is [var moment] && named.Length == 0 ? moment : null, tracking.Disk, layer.Path, branch: named is [var branch] && snapshots.Count == 0 ? branch : null);
    }

    private async Task CheckAsync(string branch, TrackingTip tip, TrackingLayer layer, CancellationToken cancellation)
    {
        try
        {
            if (tip.Saved is { } tag)
                await CheckSavedAsync(branch, tag, layer, cancellation);
            else
                await CheckLiveAsync(branch, tip, layer, cancellation);
        }
        catch (MomentException failure)
        {
            findings.Add(FindingIds.ImageUnreadable, FindingList.Error,
                $"The image of {Words(branch)} on disk '{tracking.Disk}' cannot be read. {failure.Message}", failure.Advice ?? "Check the image with 'qemu-img check'.", disk: tracking.Disk, layer: layer.Path, branch: Name(branch));
        }
    }

    private async Task CheckSavedAsync(string branch, string tag, TrackingLayer layer, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(layer.Path, cancellation);
        if (!(await image.SnapshotsAsync(cancellation)).Any(snapshot => snapshot.Name == tag))
            findings.Add(FindingIds.SnapshotMissing, FindingList.Error,
                $"The internal snapshot '{tag}', which holds {Words(branch)} on disk '{tracking.Disk}', is not in '{layer.Path}' any more: there is nothing to go back to.",
                $"'Remove-VMBranch {findings.Vm} {FindingList.Word(branch)}' forgets it.", disk: tracking.Disk, layer: layer.Path, branch: Name(branch));
    }

    private async Task CheckLiveAsync(string branch, TrackingTip tip, TrackingLayer layer, CancellationToken cancellation)
    {
        ObservedLayer seen = await ObservedLayer.ReadAsync(layer.Path, cancellation);
        DiskTracking there = tracking.Activate(branch);
        string? doubt = new TrackingProof(there, seen).OwnDoubt ?? LayerDrift.Find(there, seen.Chain!.Layers).FirstOrDefault(drift => drift.Kind == LayerDriftKind.Rebased)?.Doubt;
        if (doubt is null)
            return;
        if (seen.Bitmaps.Values.Any(bitmap => bitmap.Inconsistent) && ImageHolders.Of(layer.Path) is [var holder, ..])
            findings.Add(FindingIds.ImageInUse, FindingList.Warning,
                $"The image of {Words(branch)} on disk '{tracking.Disk}' is open in {holder}, although the machine works on another branch.", "Stop that process.", disk: tracking.Disk, layer: layer.Path, branch: Name(branch));
        else
            findings.Add(FindingIds.BranchDoubtful, FindingList.Warning,
                $"What was written on {Words(branch)} of disk '{tracking.Disk}'{(there.NearestMoment(tip.PointId) is { } since ? $" since '{since.Name}'" : "")} is not known, because {doubt}. Whether its content is the one that was left there is not known either.",
                $"If another file lies in the place of '{layer.Path}', put the right one back; else recording begins anew with the next checkpoint on that branch.", disk: tracking.Disk, layer: layer.Path, branch: Name(branch));
    }

    private static string? Name(string branch) => Branch.IsHiddenName(branch) ? null : branch;

    private static string Words(string branch) => Branch.IsHiddenName(branch) ? "what is kept for Undo-VMSnapshot" : $"branch '{branch}'";
}
