using MomentTools.Moments;

namespace MomentTools.Operations.Layers;

/// <summary>
/// What becomes of each layer of a disk that nothing needs for itself, decided from the real backing pointers. A layer is needed where a tip, or
/// the machine, writes to it; where it is the frozen state of a snapshot, or of one that is kept aside; where it holds internal snapshots; and
/// where it was there before the first layer was put on top. Pure, but for the stamps of files.
/// </summary>
internal static class LayerPlan
{
    /// <param name="disk">The disk's tree.</param>
    /// <param name="active">The file that the machine writes to.</param>
    /// <param name="graph">What stands on what.</param>
    /// <param name="pull">Whether a layer with several others on top may be copied into each of them.</param>
    /// <returns>One step for each layer that is not needed, the lowest first; the steps of one pass may shut each other out.</returns>
    public static IReadOnlyList<LayerStep> Of(DiskTracking disk, string? active, ImageGraph graph, bool pull)
    {
        HashSet<string> dead = [.. disk.Layers.Values.Where(layer => IsDead(disk, layer, active, graph)).Select(layer => layer.Id)];
        HashSet<string> going = Going(disk, graph, dead);
        return [.. disk.Layers.Values.OrderBy(layer => Depth(disk, layer)).Select(layer => Step(disk, layer, active, graph, pull, dead, going)).OfType<LayerStep>()];
    }

    /// <summary>Whether a layer stands for itself: a tip, a snapshot, or what MomentTools did not freeze.</summary>
    public static bool IsNeeded(DiskTracking disk, TrackingLayer layer, string? active, ImageGraph graph) =>
        layer.Path == active
        || active is not null && graph.Find(active) is { } written && ReferenceEquals(written, graph.Find(layer.Path))
        || disk.Tips.Values.Any(tip => tip.LayerId == layer.Id)
        || layer.FrozenTop is { } top && disk.Points.TryGetValue(top, out TrackingPoint? point) && (point.Kept || point.Moment?.Kind == MomentKind.Snapshot);

    // A layer that was merged, or whose branch is gone; nothing that it holds is anything's content.
    private static bool IsDead(DiskTracking disk, TrackingLayer layer, string? active, ImageGraph graph) =>
        layer is { Made: true, FrozenTop: null } && !IsNeeded(disk, layer, active, graph) && disk.Layers.Values.All(other => other.BackingId != layer.Id);

    // Of those the ones that can go: what somebody put on top of one reads all that is beneath it as well.
    private static HashSet<string> Going(DiskTracking disk, ImageGraph graph, HashSet<string> dead)
    {
        HashSet<string> going = [.. dead];
        while (going.RemoveWhere(id => graph.On(disk.Layers[id].Path).Any(link => !going.Any(other => IsFile(graph, disk.Layers[other], link)))) > 0)
        {
        }

        return going;
    }

    private static LayerStep? Step(DiskTracking disk, TrackingLayer layer, string? active, ImageGraph graph, bool pull, HashSet<string> dead, HashSet<string> going)
    {
        // What the disk stood on before it had moments is somebody else's.
        if (IsNeeded(disk, layer, active, graph) || layer.FrozenTop is null && !dead.Contains(layer.Id))
            return null;
        IReadOnlyList<ImageLink> on = [.. graph.On(layer.Path).Where(link => !going.Any(id => IsFile(graph, disk.Layers[id], link)))];
        if (disk.Layers.Values.FirstOrDefault(other => other.Id != layer.Id && dead.Contains(other.Id) && !going.Contains(other.Id) && on.Any(link => IsFile(graph, other, link))) is { } held)
            return Keep($"'{held.Path}' stands on it, which has to stay for what others put on top of that");
        TrackingLayer[] children = [.. disk.Layers.Values.Where(other => other.Id != layer.Id && on.Any(link => IsFile(graph, other, link)))];
        string[] others = [.. on.Where(link => !children.Any(child => IsFile(graph, child, link))).Select(link => link.Path)];
        ImageLink? own = graph.Find(layer.Path);
        if (others.Length > 0)
            return Keep($"{Listed(others)} {(others.Length == 1 ? "stands" : "stand")} on it, and {(others.Length == 1 ? "is" : "are")} not among the layers of disk '{disk.Disk}'");
        if (graph.Doubts.Count > 0)
            return Keep($"{graph.Doubts[0]} and may stand on it");
        if (own is { Snapshots: > 0 })
            return Keep("it holds internal snapshots");
        if (disk.Layers.Values.FirstOrDefault(other => !dead.Contains(other.Id) && (other.BackingId == layer.Id) != children.Contains(other)) is { } odd)
            return Keep($"'{odd.Path}' does not stand on what is recorded (Test-VMMoment tells more)");
        // What is dead and still stands on it goes first.
        if (children.Length == 0 && graph.On(layer.Path).Count() > on.Count)
            return null;
        if (children.Length == 0)
            return new LayerStep(own is not null && layer.Made ? LayerStepKind.Unlink : LayerStepKind.Forget, layer);
        if (own is null)
            return Keep("its file is missing");
        if (children.FirstOrDefault(child => graph.Find(child.Path) is { Snapshots: > 0 }) is { } holder)
            return Keep($"'{holder.Path}', which stands on it, holds internal snapshots that would not survive the merge");
        if (children is [TrackingLayer child])
            return new LayerStep(LayerStepKind.Commit, layer, child);
        // What the machine stands on comes last: it is merged in the end.
        return pull ? new LayerStep(LayerStepKind.Pull, layer, children.MinBy(one => IsUnder(disk, one, active) ? 1 : 0)) : Keep($"{children.Length} layers stand on it");

        LayerStep Keep(string reason) => new(LayerStepKind.Keep, layer, null, reason);
    }

    private static bool IsFile(ImageGraph graph, TrackingLayer layer, ImageLink link) => layer.Path == link.Path || ReferenceEquals(graph.Find(layer.Path), link);

    private static bool IsUnder(DiskTracking disk, TrackingLayer layer, string? active) =>
        disk.Layers.Values.FirstOrDefault(one => one.Path == active) is { } top && LayerDrift.Recorded(disk, top.Id).Any(one => one.Id == layer.Id);

    private static int Depth(DiskTracking disk, TrackingLayer layer)
    {
        int depth = 0;
        // The ids come from files: changed by hand they may lead in a circle.
        for (string? below = layer.BackingId; below is not null && depth <= disk.Layers.Count && disk.Layers.TryGetValue(below, out TrackingLayer? next); below = next.BackingId)
            depth++;
        return depth;
    }

    private static string Listed(string[] paths) => paths.Length == 1 ? $"'{paths[0]}'" : $"'{paths[0]}' and {paths.Length - 1} more";
}
