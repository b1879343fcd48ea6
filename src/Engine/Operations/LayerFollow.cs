using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations;

/// <summary>
/// Knows the images of a disk again that were moved: those beneath the active one by its own pointers, those of other branches by their names
/// beside them, each by the mark in it. One that also was written since is told, not believed.
/// </summary>
internal sealed class LayerFollow
{
    private readonly DiskTracking _tracking;
    private readonly HashSet<string> _moved = new(StringComparer.Ordinal);

    private LayerFollow(DiskTracking tracking) => _tracking = tracking;

    /// <summary>The disk's tree with its layers where they are now.</summary>
    /// <param name="tracking">The tree; its active layer has the path that it has now.</param>
    /// <param name="report">Told of each image that is known again.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<DiskTracking> RunAsync(DiskTracking tracking, IOperationReport report, CancellationToken cancellation)
    {
        TrackingLayer[] missing = [.. tracking.Layers.Values.Where(layer => !File.Exists(layer.Path))];
        return missing.Length == 0 ? tracking : await new LayerFollow(tracking).FollowAsync(missing, report, cancellation);
    }

    /// <summary>
    /// The disk's tree on a host that its images were copied to: under the same names they are other files. An image with its mark, and of those
    /// that are written no more with its length and time, is the recorded one; any other is left as it was recorded, so that it is told.
    /// </summary>
    /// <param name="tracking">The tree; its layers have the paths that they have now.</param>
    /// <param name="report">Told of each image that is known again.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<DiskTracking> CopiedAsync(DiskTracking tracking, IOperationReport report, CancellationToken cancellation)
    {
        var follow = new LayerFollow(tracking);
        DiskTracking next = tracking;
        foreach (TrackingLayer layer in tracking.Layers.Values)
            if (await follow.CopyAsync(layer, cancellation) is { } facts)
            {
                report.Verbose($"Disk '{tracking.Disk}': '{layer.Path}' is a copy of what was recorded, and takes its place.");
                next = next.WithLayer(layer with { Facts = facts });
            }

        return next;
    }

    /// <summary>
    /// The disk's tree as it is taken from a document that anybody may have written: files count as made here, and may one day be removed, only
    /// where they bear the mark of the layer that the document says they are. What it says of their inodes could be guessed.
    /// </summary>
    /// <param name="tracking">The tree; its layers have the paths that they have now.</param>
    /// <param name="seen">The active image as it was looked at, or null: of one that QEMU has open the file does not tell what marks it.</param>
    /// <param name="cancellation">Stops the look.</param>
    public static async Task<DiskTracking> ProvenAsync(DiskTracking tracking, ObservedLayer? seen, CancellationToken cancellation)
    {
        DiskTracking next = tracking;
        foreach (TrackingLayer layer in tracking.Layers.Values.Where(layer => layer.Made))
            if (!IsSeenMarked(tracking, layer, seen) && !await IsMarkedAsync(tracking, layer, cancellation))
                next = next.WithLayer(layer with { Made = false });
        return next;
    }

    /// <summary>Whether the file of a layer bears its mark.</summary>
    public static async Task<bool> IsMarkedAsync(DiskTracking tracking, TrackingLayer layer, CancellationToken cancellation) =>
        layer.Facts is { Format: "qcow2" } && await new LayerFollow(tracking).IsAsync(layer, layer.Path, cancellation);

    /// <summary>The branch, not the active one, whose tip is written in an image; null where there is none.</summary>
    public static string? BranchAt(DiskTracking tracking, string path) =>
        tracking.Tips.FirstOrDefault(tip => tip.Key != tracking.ActiveBranch && tip.Value.Saved is null && tracking.Layers.GetValueOrDefault(tip.Value.LayerId)?.Path == path).Key;

    /// <summary>The domain is on a branch when every disk is that has a tip there.</summary>
    public static DomainMoments Settled(DomainMoments state, string branch) =>
        state.Disks.Values.Where(disk => disk.Tips.ContainsKey(branch)).All(disk => disk.ActiveBranch == branch) ? state.Activate(branch) : state;

    private async Task<DiskTracking> FollowAsync(TrackingLayer[] missing, IOperationReport report, CancellationToken cancellation)
    {
        DiskTracking next = _tracking;
        List<TrackingLayer> open = [.. missing];
        // What was found shows the way to others: what it stands on, and what lies beside it.
        for (int found = -1; found != _moved.Count && open.Count > 0;)
        {
            found = _moved.Count;
            IReadOnlyList<string> candidates = await CandidatesAsync(next, cancellation);
            foreach (TrackingLayer layer in open.ToList())
                foreach (string path in candidates)
                    if (await IsAsync(layer, path, cancellation))
                    {
                        report.Verbose($"Disk '{_tracking.Disk}': '{path}' is what was recorded as '{layer.Path}', and takes its place.");
                        next = next.WithLayer(layer with { Path = path });
                        _moved.Add(layer.Id);
                        open.Remove(layer);
                        break;
                    }
        }

        if (_moved.Count == 0)
            return next;
        foreach (TrackingLayer layer in next.Layers.Values.Where(layer => layer.Facts is not null && File.Exists(layer.Path)).ToList())
            if (await FactsAsync(next, layer, cancellation) is { } facts)
                next = next.WithLayer(layer with { Facts = facts });
        return next;
    }

    private static async Task<IReadOnlyList<string>> CandidatesAsync(DiskTracking tracking, CancellationToken cancellation)
    {
        List<string> paths = [];
        string[] there = [.. tracking.Layers.Values.Select(layer => layer.Path).Where(File.Exists)];
        foreach (string top in there)
            paths.AddRange((await LayerReading.ChainAsync(top, tracking.Layers.Values.First(layer => layer.Path == top).Facts?.Format ?? "qcow2", cancellation)).Where(layer => layer.Facts is not null).Select(layer => layer.Path));
        foreach (string folder in there.Select(path => Path.GetDirectoryName(path)!).Distinct(StringComparer.Ordinal))
            paths.AddRange(tracking.Layers.Values.Select(layer => Path.Combine(folder, Path.GetFileName(layer.Path))).Where(File.Exists));
        return [.. paths.Distinct(StringComparer.Ordinal).Except(there, StringComparer.Ordinal)];
    }

    private async Task<bool> IsAsync(TrackingLayer layer, string path, CancellationToken cancellation)
    {
        if (layer.Facts is { Format: "raw" } raw)
            return raw.Modified is not null && FileStamp.Of(path) is { } stamp && (stamp.Length, stamp.Modified) == (raw.Length, raw.Modified);
        TrackingTip? tip = _tracking.Tips.Values.FirstOrDefault(one => one.LayerId == layer.Id && one.Saved is null) ?? _tracking.Tips.Values.FirstOrDefault(one => one.LayerId == layer.Id);
        if ((layer.FrozenTop ?? tip?.PointId) is not { } mark)
            return false;
        try
        {
            await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
            return (await image.BitmapsAsync(cancellation)).Any(bitmap => bitmap is { InUse: false, Auto: false } && bitmap.Name == TrackingTip.MarkerPrefix + mark);
        }
        catch (MomentException)
        {
            // No image of ours.
            return false;
        }
    }

    // What the file is now, where it only was moved, or also made to stand on what was moved with it; null where that is not all.
    private async Task<LayerFacts?> FactsAsync(DiskTracking tracking, TrackingLayer layer, CancellationToken cancellation)
    {
        LayerFacts then = layer.Facts!;
        if ((await LayerReading.ChainAsync(layer.Path, then.Format, cancellation))[0].Facts is not { } now)
            return null;
        bool isWritten = then.Modified is null;
        bool rebased = (then.BackingFile, then.BackingFormat) != (now.BackingFile, now.BackingFormat);
        if (rebased && !(now.BackingFile is { } backing && layer.BackingId is { } below && _moved.Contains(below) && FilePath.IsSame(BackingName.Resolve(layer.Path, backing), tracking.Layers[below].Path)))
            return null;
        if (!rebased && !_moved.Contains(layer.Id))
            return null;
        if (isWritten)
            return now with { Length = null, Modified = null };
        return then.Length == now.Length && (rebased || then.Modified == now.Modified) ? now : null;
    }

    // What a copy of the file is, where it is one.
    private async Task<LayerFacts?> CopyAsync(TrackingLayer layer, CancellationToken cancellation)
    {
        if (layer.Facts is not { } then || FileStamp.Of(layer.Path) is not { } stamp || stamp.Inode == then.Inode)
            return null;
        // One that was beneath the disk before its history began bears no mark.
        bool isMarked = layer.Made || layer.FrozenTop is not null || then.Modified is null;
        if (isMarked && !await IsAsync(layer, layer.Path, cancellation))
            return null;
        if ((await LayerReading.ChainAsync(layer.Path, then.Format, cancellation))[0].Facts is not { } now
            || (then.BackingFile, then.BackingFormat) != (now.BackingFile, now.BackingFormat))
            return null;
        if (then.Modified is null)
            return now with { Length = null, Modified = null };
        return (then.Length, then.Modified) == (now.Length, now.Modified) ? now : null;
    }

    private static bool IsSeenMarked(DiskTracking tracking, TrackingLayer layer, ObservedLayer? seen) =>
        seen?.Path == layer.Path && layer is { FrozenTop: null, Facts.Format: "qcow2" } && tracking.ActiveTip is { Saved: null } tip && tip.LayerId == layer.Id
        && seen.Bitmaps.GetValueOrDefault(tip.Marker) is { Persistent: true, Recording: false, Inconsistent: false };
}
