namespace MomentTools.Qcow2;

/// <summary>What a chain says about a run of the disk.</summary>
/// <param name="Depth">The layer that decides: 0 is the top; for what no layer holds, the lowest one asked.</param>
/// <param name="Mapping">What that layer says.</param>
internal readonly record struct Qcow2ChainRun(int Depth, Qcow2Mapping Mapping);
