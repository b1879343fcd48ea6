using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>What a checkpoint does to every disk it covers, and the tracking that follows. Pure.</summary>
/// <param name="Steps">One a covered disk.</param>
/// <param name="Next">The domain's moments after it.</param>
/// <param name="Doubts">By disk: why what was written until now is not known; the edge that closes is lost there.</param>
internal sealed record CheckpointPlan(IReadOnlyList<CheckpointStep> Steps, DomainMoments Next, IReadOnlyDictionary<string, string> Doubts)
{
    /// <param name="state">The moments now.</param>
    /// <param name="moment">The moment to come; its document names the covered disks.</param>
    /// <param name="operationId">The operation's id, part of all temporary names.</param>
    /// <param name="sidecarId">The file that the closed segments are saved in.</param>
    /// <param name="disks">The covered disks in the session.</param>
    /// <param name="seen">What is really on them, and what they stand on.</param>
    /// <param name="opened">The bitmap that records from now on; a checkpoint's bears its name.</param>
    /// <exception cref="MomentException"><c>DiskLayerUnexpected</c>: a disk stands on another image than its moments.</exception>
    public static CheckpointPlan Make(
        DomainMoments state, StoredMoment moment, string operationId, string sidecarId,
        IEnumerable<SessionDisk> disks, IReadOnlyDictionary<string, ObservedLayer> seen, string? opened = null)
    {
        opened ??= moment.Key.Name;
        List<CheckpointStep> steps = [];
        Dictionary<string, string> doubts = new(StringComparer.Ordinal);
        // What was declared current is now the parent; from here on the tracking says it again.
        DomainMoments next = state.With(moment) with { Current = null };
        foreach (SessionDisk disk in disks)
        {
            ObservedLayer observed = seen[disk.Name];
            RefuseForeign(moment, opened, disk, observed);
            var found = FoundDisk.Of(state.Disk(disk.Name), disk, observed);
            (DiskTracking tracking, TrackingLayer layer, TrackingProof proof) = found;
            TrackingTip? tip = tracking.ActiveTip;
            bool proven = found.IsProven;
            if (found.Doubt is { } doubt)
                doubts[disk.Name] = doubt;
            DiskTracking after = tracking.Checkpoint(
                moment.Key, layer, observed.Size, proof.Settled(proven ? sidecarId : null), opened, MomentIds.New(), MomentIds.New(), proof.Floor);
            steps.Add(new CheckpointStep(
                disk.Name, disk.NodeName, opened,
                proven ? tip!.Recording : null,
                after.ActiveTip!.Marker,
                tip is not null && observed.Bitmaps.ContainsKey(tip.Marker) ? tip.Marker : null,
                proven ? $"mt-tmp-{operationId}" : null,
                NeedsFull: !proof.IsMarkFull,
                WasCut: proof.Floor != long.MaxValue));
            next = next.With(after);
        }

        return new CheckpointPlan(steps, next, doubts);
    }

    private static void RefuseForeign(StoredMoment moment, string opened, SessionDisk disk, ObservedLayer observed)
    {
        if (!observed.Bitmaps.TryGetValue(opened, out ObservedBitmap? taken))
            return;
        throw new MomentException(
            OperationErrors.BitmapExists,
            $"Cannot take checkpoint '{moment.Key.Name}': the image of disk '{disk.Name}' ('{disk.Path}') already has a bitmap of that name{(taken.Inconsistent ? ", an inconsistent one" : "")}.",
            disk.Name,
            "Choose another name. Get-VMBitmap shows the bitmaps that are in the images and whom they belong to.");
    }
}
