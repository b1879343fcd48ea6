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
            DiskTracking tracking = state.Disk(disk.Name);
            ObservedLayer observed = seen[disk.Name];
            RefuseForeign(moment, opened, disk, observed);
            TrackingLayer layer = Layer(tracking, disk);
            var proof = new TrackingProof(tracking, observed);
            if (proof.Drift is { Kind: LayerDriftKind.Rebased } rebased)
                throw OperationErrors.Rebased(disk.Name, rebased);
            if (observed.Chain is { } chain)
            {
                tracking = tracking.ActiveTip is null || layer.Facts is null ? LayerReading.Record(tracking, layer, chain.Layers) : LayerAcceptance.Accept(tracking, chain);
                layer = tracking.Layers.GetValueOrDefault(layer.Id, layer);
            }

            TrackingTip? tip = tracking.ActiveTip;
            bool proven = tip is not null && proof.OwnDoubt is null;
            if (tip is not null && proof.Doubt is { } doubt)
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

    /// <summary>
    /// The layer that the tracking knows as the active one. It is never replaced by what QEMU says: a difference blocks changes.
    /// </summary>
    public static TrackingLayer Layer(DiskTracking tracking, SessionDisk disk)
    {
        if (tracking.ActiveTip is not { } tip)
            return tracking.Layers.Values.FirstOrDefault(layer => layer.Path == disk.Path) ?? new TrackingLayer(MomentIds.New(), disk.Path, null);
        TrackingLayer known = tracking.Layers[tip.LayerId];
        return known.Path == disk.Path ? known : throw new MomentException(
            OperationErrors.DiskLayerUnexpected,
            $"Cannot change disk '{disk.Name}': its active image is '{disk.Path}', but the recorded one is '{known.Path}'.",
            disk.Name,
            "Somebody switched the image. Put the recorded one back, or unregister the domain with -RemoveMetadata and register it anew.");
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
