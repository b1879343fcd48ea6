using MomentTools.Blocks;

namespace MomentTools.Qcow2;

/// <summary>Where a layer stores no bytes.</summary>
/// <param name="Zero">What reads as zeroes, whatever lies beneath.</param>
/// <param name="Unallocated">What the layer says nothing of: the one beneath decides.</param>
internal readonly record struct LayerHoles(ExtentMap Zero, ExtentMap Unallocated);
