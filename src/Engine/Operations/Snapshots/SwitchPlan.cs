using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>Which images a machine is to have afterwards, and what else changes with them as one.</summary>
/// <param name="Definition">The machine with the images that it gets.</param>
/// <param name="Next">Its moments afterwards.</param>
internal sealed record SwitchPlan(DomainDocument Definition, DomainMoments Next)
{
    public MachinePower Power { get; init; }

    /// <summary>The saved memory that the machine goes on with, or null: it boots, or stays off.</summary>
    public IncomingMemory? Memory { get; init; }

    /// <summary>Where the memory of the running machine is saved before it is left, or null.</summary>
    public string? KeepMemory { get; init; }
}
