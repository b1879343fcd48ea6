using MomentTools.Moments;

namespace MomentTools.Operations.Snapshots;

/// <summary>A layer that snapshots stand on, and that somebody wrote to, or has open for writing.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Layer">The layer as it was recorded.</param>
/// <param name="Text">What is seen, as a part of a sentence that follows the file's name: "it was written at …".</param>
/// <param name="IsOpen">Whether somebody has it open for writing at this moment.</param>
internal sealed record FrozenDamage(string Disk, TrackingLayer Layer, string Text, bool IsOpen);
