using System.Text.Json.Nodes;
using MomentTools.Moments;

namespace MomentTools.Operations.Layers;

/// <summary>
/// Before frozen layers are written, and after: what is recorded of their length and time would else look like a stranger's work. Metadata
/// alone; until it is decided there is nothing to undo.
/// </summary>
internal static class LayerThaw
{
    public const string Operation = "layer-prepare";

    /// <summary>Brings a disk's tree to the state in which layers may be written.</summary>
    /// <param name="scope">The domain.</param>
    /// <param name="next">The disk's tree.</param>
    /// <param name="into">The layer that becomes another one; null for none. Nothing is known of it from here on.</param>
    /// <param name="above">Layers that get another backing name.</param>
    public static void Run(ChangeScope scope, DiskTracking next, TrackingLayer? into, IReadOnlyList<TrackingLayer> above)
    {
        if (into is not null)
            next = next.WithLayer(into with { Facts = null });
        foreach (TrackingLayer layer in above)
            if (layer.Facts is { } facts)
                next = next.WithLayer(layer with { Facts = facts with { Length = null, Modified = null } });
        Commit(scope, next);
    }

    /// <summary>Writes down again what the frozen layers of a disk are, where that is not known.</summary>
    public static async Task RestoreAsync(ChangeScope scope, string disk, CancellationToken cancellation)
    {
        DiskTracking next = scope.State.Disk(disk);
        foreach (TrackingLayer layer in next.Layers.Values.Where(layer => layer is { FrozenTop: not null, Facts: null or { Modified: null } }))
            if ((await LayerReading.ChainAsync(layer.Path, layer.Facts?.Format ?? FormatOf(next, layer), cancellation))[0].Facts is { Modified: not null } facts)
                next = next.WithLayer(layer with { Facts = facts });
        if (!ReferenceEquals(next, scope.State.Disk(disk)))
            Commit(scope, next);
    }

    // As the layers on top of it name it.
    private static string FormatOf(DiskTracking disk, TrackingLayer layer) => disk.ChildrenOf(layer.Id).Select(above => above.Facts?.BackingFormat).OfType<string>().FirstOrDefault() ?? "qcow2";

    private static void Commit(ChangeScope scope, DiskTracking next)
    {
        DomainMoments state = scope.State.With(next);
        using Journal journal = scope.Begin(Operation, new JsonObject(), state);
        scope.Commit(journal, state);
    }
}
