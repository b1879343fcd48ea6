using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations.Snapshots;

/// <summary>What an external snapshot does to every disk it covers, and the tracking that follows. Pure.</summary>
/// <param name="Steps">One a covered disk.</param>
/// <param name="Named">The domain's moments after it.</param>
/// <param name="Nameless">The same where no moment came of it, but the layers are there: it is never forgotten that a machine works on them.</param>
/// <param name="Doubts">By disk: why what was written until now is not known; the edge that closes is lost there.</param>
internal sealed record SnapshotPlan(IReadOnlyList<SnapshotStep> Steps, DomainMoments Named, DomainMoments Nameless, IReadOnlyDictionary<string, string> Doubts)
{
    /// <param name="state">The moments now.</param>
    /// <param name="moment">The moment to come.</param>
    /// <param name="operationId">The operation's id, part of all names, and the sidecar of what closes.</param>
    /// <param name="disks">The covered disks in the session.</param>
    /// <param name="seen">What is really on them, and what they stand on.</param>
    /// <param name="overlays">The file of each new layer, with what it is where it is there already.</param>
    /// <param name="bitmapless">The disks whose image cannot hold bitmaps.</param>
    /// <exception cref="Errors.MomentException"><c>DiskLayerUnexpected</c>: a disk stands on another image than its moments.</exception>
    public static SnapshotPlan Make(
        DomainMoments state, StoredMoment moment, string operationId, IEnumerable<SessionDisk> disks, IReadOnlyDictionary<string, ObservedLayer> seen,
        IReadOnlyDictionary<string, (string Path, LayerFacts? Reused)> overlays, IReadOnlySet<string>? bitmapless = null)
    {
        List<SnapshotStep> steps = [];
        Dictionary<string, string> doubts = new(StringComparer.Ordinal);
        // What was declared current is now the parent; from here on the tracking says it again.
        DomainMoments named = state.With(moment) with { Current = null }, nameless = state;
        foreach (SessionDisk disk in disks)
        {
            ObservedLayer observed = seen[disk.Name];
            var found = FoundDisk.Of(state.Disk(disk.Name), disk, observed);
            (DiskTracking tracking, TrackingLayer layer, TrackingProof proof) = found;
            bool proven = found.IsProven;
            if (found.Doubt is { } doubt)
                doubts[disk.Name] = doubt;
            (string path, LayerFacts? reused) = overlays[disk.Name];
            var overlay = new TrackingLayer(MomentIds.New(), path, layer.Id, Facts: reused) { Made = reused is null };
            (string opened, string newPoint, string newTip) = ($"mt-{operationId}", MomentIds.New(), MomentIds.New());
            IReadOnlyList<SegmentSource> closed = proof.Settled(proven ? operationId : null);
            DiskTracking after = tracking.Freeze(moment.Key, layer, overlay, observed.Size, closed, opened, newPoint, newTip, proof.Floor);
            named = named.With(after);
            nameless = nameless.With(tracking.Freeze(null, layer, overlay, observed.Size, closed, opened, newPoint, newTip, proof.Floor));
            steps.Add(new SnapshotStep(
                disk.Name, disk.NodeName, after.Layers[layer.Id], disk.Format, observed.Size, new OverlayNode(OverlayNode.NameFor(operationId, steps.Count), path), overlay.Id, reused is null,
                opened, proven ? tracking.ActiveTip!.Recording : null, after.ActiveTip!.Marker, proof.IsMarkFull ? tracking.ActiveTip!.Marker : null,
                tracking.ActiveTip is null && disk.Format == OverlayFile.Format && bitmapless?.Contains(disk.Name) != true ? TrackingTip.MarkerPrefix + after.Layers[layer.Id].FrozenTop : null));
        }

        return new SnapshotPlan(steps, named, nameless, doubts);
    }

    /// <summary>The same with what the files were found to be: the new layers once they are made, the frozen ones once they are frozen.</summary>
    public SnapshotPlan With(IReadOnlyDictionary<string, LayerFacts> byLayer) => this with { Named = With(Named, byLayer), Nameless = With(Nameless, byLayer) };

    private DomainMoments With(DomainMoments state, IReadOnlyDictionary<string, LayerFacts> byLayer)
    {
        foreach (SnapshotStep step in Steps)
            foreach (string id in (string[])[step.Base.Id, step.OverlayId])
                if (byLayer.TryGetValue(id, out LayerFacts? facts))
                    state = state.With(state.Disk(step.Disk).WithLayer(state.Disk(step.Disk).Layers[id] with { Facts = facts }));
        return state;
    }
}
