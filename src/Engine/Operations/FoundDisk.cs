using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>A disk as a moment that is to be taken finds it. Pure.</summary>
/// <param name="Tracking">Its tracking, with what its layers are now.</param>
/// <param name="Layer">Its active layer.</param>
/// <param name="Proof">What of the last moment's tracking holds.</param>
internal sealed record FoundDisk(DiskTracking Tracking, TrackingLayer Layer, TrackingProof Proof)
{
    /// <summary>Whether the bitmap that recorded until now has all that it should have.</summary>
    public bool IsProven => Tracking.ActiveTip is not null && Proof.OwnDoubt is null;

    /// <summary>Why what was written since the last moment is not known; null where it is, or there was none.</summary>
    public string? Doubt => Tracking.ActiveTip is null ? null : Proof.Doubt;

    /// <param name="tracking">The tracking as it is recorded.</param>
    /// <param name="disk">The disk in the session.</param>
    /// <param name="seen">What is really on it, and what it stands on.</param>
    /// <param name="layers">Its layers for a history that begins here; those that were seen if not given.</param>
    /// <exception cref="MomentException"><c>DiskLayerUnexpected</c>: it stands on another image than its moments.</exception>
    public static FoundDisk Of(DiskTracking tracking, SessionDisk disk, ObservedLayer seen, IReadOnlyList<SeenLayer>? layers = null)
    {
        TrackingLayer layer = ActiveLayer(tracking, disk);
        var proof = new TrackingProof(tracking, seen);
        if (proof.Drift is { Kind: LayerDriftKind.Rebased } rebased)
            throw OperationErrors.Rebased(disk.Name, rebased);
        if (tracking.ActiveTip is null || layer.Facts is null)
            tracking = (layers ?? seen.Chain?.Layers) is { } found ? LayerReading.Record(tracking, layer, found) : tracking;
        else if (seen.Chain is { } chain)
            tracking = LayerAcceptance.Accept(tracking, chain);
        return new FoundDisk(tracking, tracking.Layers.GetValueOrDefault(layer.Id, layer), proof);
    }

    /// <summary>
    /// The layer that the tracking knows as the active one. It is never replaced by what QEMU says: a difference blocks changes.
    /// </summary>
    public static TrackingLayer ActiveLayer(DiskTracking tracking, SessionDisk disk)
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
}
