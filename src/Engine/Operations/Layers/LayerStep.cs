using MomentTools.Moments;

namespace MomentTools.Operations.Layers;

/// <summary>What can be done next about a layer that no moment and no tip needs for itself.</summary>
/// <param name="Kind">What.</param>
/// <param name="Layer">The layer that is not needed.</param>
/// <param name="Child">The layer that is committed into it, or that pulls it; null for the other kinds.</param>
/// <param name="Reason">Why it stays, as part of a sentence; null for the other kinds.</param>
internal sealed record LayerStep(LayerStepKind Kind, TrackingLayer Layer, TrackingLayer? Child = null, string? Reason = null);
