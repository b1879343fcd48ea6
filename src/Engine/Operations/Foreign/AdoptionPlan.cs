using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations.Foreign;

/// <summary>What adopting does to every disk, and the tracking that follows. Pure.</summary>
/// <param name="Steps">One a disk.</param>
/// <param name="Next">The domain's moments after it.</param>
/// <param name="Frozen">By sidecar and disk: what frozen layers hold, to be saved.</param>
/// <param name="Doubts">What is not known, by disk and moment.</param>
internal sealed record AdoptionPlan(
    IReadOnlyList<AdoptionStep> Steps, DomainMoments Next, IReadOnlyDictionary<string, Dictionary<string, Segment>> Frozen, IReadOnlyList<string> Doubts)
{
    /// <param name="state">The moments, with those that adopt.</param>
    /// <param name="bitmaps">Which bitmaps become whose record.</param>
    /// <param name="operationId">The operation's id, part of all temporary names.</param>
    /// <param name="disks">The disks in the session.</param>
    /// <param name="seen">What is really on them.</param>
    /// <param name="chains">By disk: its layers.</param>
    /// <param name="frozen">By disk and bitmap: what the layers below hold.</param>
    public static AdoptionPlan Make(
        DomainMoments state, IReadOnlyList<AdoptedBitmap> bitmaps, string operationId, IReadOnlyDictionary<string, SessionDisk> disks, IReadOnlyDictionary<string, ObservedLayer> seen,
        IReadOnlyDictionary<string, IReadOnlyList<SeenLayer>> chains, IReadOnlyDictionary<string, IReadOnlyDictionary<string, FrozenRecord>> frozen)
    {
        List<AdoptionStep> steps = [];
        List<string> doubts = [];
        Dictionary<string, Dictionary<string, Segment>> saved = new(StringComparer.Ordinal);
        // One file a moment: its disks lie together.
        var sidecars = bitmaps.Select(bitmap => bitmap.Moment).Distinct().ToDictionary(moment => moment, _ => (Own: MomentIds.New(), Frozen: MomentIds.New()));
        DomainMoments next = state;
        foreach (IGrouping<string, AdoptedBitmap> group in bitmaps.GroupBy(bitmap => bitmap.Disk, StringComparer.Ordinal))
        {
            SessionDisk disk = disks[group.Key];
            ObservedLayer observed = seen[group.Key];
            var present = FoundDisk.Of(state.Disk(group.Key), disk, observed, chains[group.Key]);
            (DiskTracking tracking, TrackingLayer layer, TrackingProof proof) = present;
            TrackingTip? tip = tracking.ActiveTip;
            bool proven = present.IsProven;
            if (present.Doubt is { } doubt)
                doubts.Add($"what changed on disk '{group.Key}' between '{tracking.Current?.Name}' and now is lost, because {doubt}");
            List<AdoptionStep.Adoptee> adopted = [];
            List<TrackingPoint> leaves = [];
            foreach (AdoptedBitmap bitmap in group)
            {
                (string own, string below) = sidecars[bitmap.Moment];
                ObservedBitmap found = observed.Bitmaps[bitmap.Bitmap];
                var adoptee = new AdoptionStep.Adoptee(
                    bitmap.Bitmap, bitmap.Bitmap == bitmap.Moment.Name ? null : bitmap.Moment.Name, $"mt-tmp-{operationId}-{adopted.Count}", found.Granularity, found.Persistent, own);
                adopted.Add(adoptee);
                FrozenRecord record = frozen[group.Key][bitmap.Bitmap];
                if (record.Doubt is { } lost)
                    doubts.Add($"what changed on disk '{group.Key}' since '{bitmap.Moment.Name}' is not known, because {lost}");
                else if (record.Layers > 0)
                    Into(saved, below, group.Key, new Segment(record.Blocks, Math.Max(record.Largest, observed.Size), TrackingProof.Granularity));
                // Whether its moment was before or after what happened beneath is not known.
                SegmentSource[] beneath = proof.Drift is { } drift ? [new SegmentSource.Lost(drift.Doubt)] : [];
                leaves.Add(Leaf(bitmap.Moment, [.. Sources(layer.Id, adoptee, record, below), .. beneath], record, observed.Size, layer.Id));
            }

            DiskTracking after = tracking.Adopt(
                leaves, layer, observed.Size, proof.Settled(proven ? operationId : null), $"mt-{operationId}-{steps.Count}", MomentIds.New(), MomentIds.New(), proof.Floor);
            steps.Add(new AdoptionStep(
                new CheckpointStep(
                    disk.Name, disk.NodeName, after.ActiveTip!.Recording, proven ? tip!.Recording : null, after.ActiveTip!.Marker,
                    tip is not null && observed.Bitmaps.ContainsKey(tip.Marker) ? tip.Marker : null, proven ? $"mt-tmp-{operationId}" : null, NeedsFull: !proof.IsMarkFull),
                adopted));
            next = next.With(after);
        }

        return new AdoptionPlan(steps, next, saved, doubts);
    }

    // One of another granularity, or one that QEMU does not store, would not be proven later: its saved copy stands for it.
    private static SegmentSource[] Sources(string layer, AdoptionStep.Adoptee adoptee, FrozenRecord record, string below)
    {
        if (record.Doubt is { } doubt)
            return [new SegmentSource.Lost(doubt)];
        SegmentSource own = adoptee is { NewName: not null } or { Granularity: TrackingProof.Granularity, Persistent: true }
            ? new SegmentSource.Bitmap(layer, adoptee.NewName ?? adoptee.Bitmap, adoptee.SidecarId) : new SegmentSource.Sidecar(adoptee.SidecarId);
        return record.Layers == 0 ? [own] : [own, new SegmentSource.Sidecar(below)];
    }

    private static TrackingPoint Leaf(MomentKey moment, SegmentSource[] sources, FrozenRecord record, long size, string layer) =>
        new(MomentIds.New(), null, sources, Math.Min(record.Smallest, size), record.First ?? size, layer, Flushed: true, moment);

    private static void Into(Dictionary<string, Dictionary<string, Segment>> files, string id, string disk, Segment segment)
    {
        if (!files.TryGetValue(id, out Dictionary<string, Segment>? sections))
            files.Add(id, sections = new Dictionary<string, Segment>(StringComparer.Ordinal));
        sections.Add(disk, segment);
    }
}
