using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Snapshots;

/// <summary>What an <see cref="ImageTurn"/> means for one disk: the step in QEMU, and the tree where it is done or taken back. Pure.</summary>
/// <param name="Step">The step.</param>
/// <param name="Forward">The disk's tree once the snapshot is loaded.</param>
/// <param name="Back">The disk's tree where the bitmaps were taken out and nothing could be loaded.</param>
/// <param name="Doubt">Why what was written until now is not known, or null.</param>
internal sealed record TurnPlan(TurnStep Step, DiskTracking Forward, DiskTracking Back, string? Doubt)
{
    /// <param name="tracking">The disk's tree now.</param>
    /// <param name="prepared">The same, with the names that its tips get.</param>
    /// <param name="disk">The disk in the session.</param>
    /// <param name="seen">What is really on it.</param>
    /// <param name="closed">The closed segments, in sidecars.</param>
    /// <param name="target">Where it goes.</param>
    /// <param name="operationId">The operation's id: part of the bitmaps' names, and the sidecar of what recorded until now.</param>
    /// <param name="held">Whether the disk has the snapshot's content now.</param>
    public static TurnPlan Make(
        DiskTracking tracking, DiskTracking prepared, SessionDisk disk, ObservedLayer seen, ClosedSegments closed, TurnTarget target, string operationId, bool held)
    {
        Qcow2Snapshot snapshot = target.Snapshots[disk.Name];
        string[] names = [.. seen.Bitmaps.Keys];
        TrackingPoint? start = target.Start is { } key ? tracking.PointOf(key) : null;
        var step = new TurnStep(
            disk.Name, disk.Path, disk.NodeName, disk.QomPath, snapshot.Id, snapshot.Name, snapshot.DiskSize, seen.Size, held, null, null, names, null, null, null, null);
        if (tracking.ActiveTip is not { } tip)
            // Nothing is known of the present, but the snapshot's past may be.
            return start is null ? new TurnPlan(step, prepared, tracking, null) : Begin(step, tracking, prepared, target, start, operationId);
        TrackingLayer layer = FoundDisk.ActiveLayer(tracking, disk);
        var proof = new TrackingProof(tracking, seen);
        bool proven = proof.OwnDoubt is null;
        SegmentSource[] settled = [.. proof.Settled(proven ? operationId : null)
            .Select(source => source is SegmentSource.Bitmap { SidecarId: { } sidecar } own && own.Name == tip.Recording && own.LayerId == tip.LayerId ? new SegmentSource.Sidecar(sidecar)
                : source is SegmentSource.Bitmap other && other.LayerId == tip.LayerId ? closed.Sources[other.Name] : source)];
        string opened = $"mt-{operationId}-l", back = $"mt-{operationId}-b";
        DiskTracking forward = Moved(Saved(prepared), layer, target, start, opened, MomentIds.New(), snapshot.DiskSize);
        DiskTracking backward = Saved(tracking).WithSources(tip.PointId, [.. settled, new SegmentSource.Bitmap(layer.Id, back, null)]).WithRecording(back).WithTipPoint(MomentIds.New());
        return new TurnPlan(
            step with
            {
                Recording = proven ? tip.Recording : null, OldMark = names.Contains(tip.Marker, StringComparer.Ordinal) ? tip.Marker : null,
                Opened = opened, Mark = forward.ActiveTip!.Marker, BackOpened = back, BackMark = backward.ActiveTip!.Marker,
            },
            forward, backward, proof.Doubt);

        // The tree with all that is on the layer in sidecars, and the edge to the tip as it closes.
        DiskTracking Saved(DiskTracking tree)
        {
            DiskTracking moved = closed.Apply(tree, seen);
            TrackingPoint point = moved.Points[tip.PointId];
            return WithPoint(moved, point with { Sources = settled, Size = seen.Size, Floor = Math.Min(Math.Min(point.Floor, proof.Floor), seen.Size) });
        }
    }

    /// <summary>Refuses bitmaps that are not ours: they would be lost.</summary>
    public static void RefuseForeign(string vm, DiskTracking tracking, SessionDisk disk, ObservedLayer seen)
    {
        var owner = new BitmapOwner(tracking);
        string[] foreign = [.. seen.Bitmaps.Keys.Where(name => !name.StartsWith(MomentIds.BitmapPrefix, StringComparison.Ordinal) && owner.Of(disk.Path, name) is null)];
        if (foreign.Length > 0)
            throw ImageTipErrors.Foreign(vm, disk.Name, foreign);
    }

    private static TurnPlan Begin(TurnStep step, DiskTracking tracking, DiskTracking prepared, TurnTarget target, TrackingPoint start, string operationId)
    {
        string branch = target.Branch ?? prepared.ActiveBranch;
        DiskTracking forward = prepared.Revert(branch, start.Id, $"mt-{operationId}-l", MomentIds.New(), step.NewSize).Activate(branch);
        return new TurnPlan(step with { Opened = forward.ActiveTip!.Recording, Mark = forward.ActiveTip.Marker }, forward, tracking, null);
    }

    private static DiskTracking Moved(DiskTracking saved, TrackingLayer layer, TurnTarget target, TrackingPoint? start, string opened, string newTip, long size)
    {
        TrackingTip tip = saved.ActiveTip!;
        string active = saved.ActiveBranch, branch = target.Branch ?? active, kept = target.LeftBranch ?? active;
        DiskTracking left = saved;
        if (target.KeepTag is { } tag)
            left = (kept == active ? saved : saved.RenameTip(active, kept)).SaveTip(kept, saved.Points[tip.PointId].Sources, tag);
        string givenUp = target.KeepTag is null && active != branch ? active : "";
        if (target.Start is null)
            return left.LoadTip(branch, opened).Activate(branch).WithTipPoint(newTip).DropTip(givenUp);
        if (start is not null)
            return left.Revert(branch, start.Id, opened, newTip, size).Activate(branch).DropTip(givenUp);
        // The snapshot has no place in this disk's tree: from what came before to it, nothing is known.
        var point = new TrackingPoint(
            newTip, saved.Points[tip.PointId].ParentId,
            [new SegmentSource.Lost($"the disk went back to '{target.Start.Name}', of which nothing was recorded"), new SegmentSource.Bitmap(layer.Id, opened, null)], size, size, layer.Id, Flushed: false, null);
        DiskTracking gone = target.KeepTag is null ? WithoutTip(left) : left;
        return WithPoint(gone, point) with
        {
            Tips = new Dictionary<string, TrackingTip>(gone.Tips, StringComparer.Ordinal) { [branch] = new(newTip, layer.Id, opened) },
            ActiveBranch = branch,
        };
    }

    // Its point goes without what lies above it: the new one takes its place.
    private static DiskTracking WithoutTip(DiskTracking tracking) => tracking with
    {
        Points = tracking.Points.Where(point => point.Key != tracking.ActiveTip!.PointId).ToDictionary(StringComparer.Ordinal),
        Tips = tracking.Tips.Where(tip => tip.Key != tracking.ActiveBranch).ToDictionary(StringComparer.Ordinal),
    };

    private static DiskTracking WithPoint(DiskTracking tracking, TrackingPoint point) =>
        tracking with { Points = new Dictionary<string, TrackingPoint>(tracking.Points, StringComparer.Ordinal) { [point.Id] = point } };
}
