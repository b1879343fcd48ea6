namespace MomentTools.Operations.Layers;

/// <summary>What the collector did.</summary>
/// <param name="Removed">The files that are gone, with the bytes they had.</param>
/// <param name="Stays">Layers that nothing needs for itself and that stay all the same, with the reason, as part of a sentence.</param>
internal sealed record CollectorOutcome(IReadOnlyList<(string Path, long Bytes)> Removed, IReadOnlyList<(string Disk, LayerStep Step)> Stays);
