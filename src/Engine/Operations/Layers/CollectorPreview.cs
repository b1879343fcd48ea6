using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Layers;

/// <summary>What the collector would do with a state of a domain's moments; nothing is changed.</summary>
internal static class CollectorPreview
{
    public static async Task<IReadOnlyList<VMLayerChange>> RunAsync(DomainPlace place, DomainDocument domain, DomainMoments state, bool pull, CancellationToken cancellation)
    {
        ImageGraph graph = await new Dependencies(new DomainCatalogue(place.StateRoot, "")).ScanAsync(state, cancellation);
        List<VMLayerChange> changes = [];
        foreach (DiskTracking disk in state.Disks.Values)
            Walk(disk, domain.FindDisk(disk.Disk)?.SourcePath, graph, pull, changes);
        return changes;
    }

    private static void Walk(DiskTracking disk, string? active, ImageGraph graph, bool pull, List<VMLayerChange> changes)
    {
        while (LayerPlan.Of(disk, active, graph, pull) is { Count: > 0 } steps)
        {
            LayerStep? step = steps.FirstOrDefault(one => one.Kind != LayerStepKind.Keep);
            if (step is null)
            {
                changes.AddRange(steps.Select(one => Change(disk, graph, one.Layer, "Keep", null, one.Reason)));
                return;
            }

            switch (step)
            {
                case { Kind: LayerStepKind.Commit, Child: { } child }:
                    changes.Add(Change(disk, graph, child, child.Made ? "Merge" : "Merge and keep", step.Layer.Path, null));
                    graph = Without(graph, child.Path, step.Layer.Path);
                    if (active == child.Path)
                        active = step.Layer.Path;
                    disk = disk.Merged(child.Id, step.Layer.Id, step.Layer with { FrozenTop = child.FrozenTop }, null, null);
                    break;
                case { Kind: LayerStepKind.Pull, Child: { } child }:
                    changes.Add(Change(disk, graph, step.Layer, "Copy", child.Path, null));
                    graph = Pulled(graph, child.Path, step.Layer.Path);
                    disk = disk.WithLayer(child with { BackingId = step.Layer.BackingId });
                    break;
                default:
                    changes.Add(Change(disk, graph, step.Layer, step.Kind == LayerStepKind.Unlink ? "Remove" : "Forget", null, null));
                    graph = Without(graph, step.Layer.Path, null);
                    disk = disk.Forgotten(step.Layer.Id);
                    break;
            }
        }
    }

    private static VMLayerChange Change(DiskTracking disk, ImageGraph graph, TrackingLayer layer, string action, string? into, string? reason) => new()
    {
        Disk = disk.Disk, Path = layer.Path, Bytes = graph.Find(layer.Path)?.Stamp.Length ?? 0, Action = action, Into = into, Reason = reason,
    };

    // The images once a layer is gone, and what stood on it stands on another one.
    private static ImageGraph Without(ImageGraph graph, string gone, string? instead)
    {
        ImageLink? link = graph.Find(gone);
        HashSet<string> on = [.. graph.On(gone).Select(above => above.Path)];
        return new ImageGraph([.. graph.Links.Where(other => !ReferenceEquals(other, link)).Select(other => on.Contains(other.Path) ? other with { Below = instead is null ? [] : [instead] } : other)], graph.Doubts);
    }

    private static ImageGraph Pulled(ImageGraph graph, string child, string from)
    {
        ImageLink? link = graph.Find(child);
        IReadOnlyList<string> below = graph.Find(from)?.Below ?? [];
        return new ImageGraph([.. graph.Links.Select(other => ReferenceEquals(other, link) ? other with { Below = below } : other)], graph.Doubts);
    }
}
