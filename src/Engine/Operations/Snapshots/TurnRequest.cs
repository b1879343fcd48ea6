using MomentTools.Moments;

namespace MomentTools.Operations.Snapshots;

/// <summary>A state inside the images to go to, and what the domain's metadata is then.</summary>
/// <param name="What">What it is, for what is told: "snapshot 'clean'".</param>
/// <param name="Prepared">The moments before, with whatever names tips get with it; the tip that is left is still the active one.</param>
/// <param name="Target">Where the disks go.</param>
/// <param name="Memory">Whether the machine's memory is loaded with it.</param>
/// <param name="KeepMemory">Whether the memory of what is left is saved with it, if the machine runs.</param>
/// <param name="Goal">What the machine does afterwards: Running, Paused or Stopped; null: what it did before.</param>
/// <param name="Decide">From the state with the disks' new trees, and whether the guest was cut off without its memory, to the one that is written.</param>
internal sealed record TurnRequest(
    string What, DomainMoments Prepared, TurnTarget Target, bool Memory, bool KeepMemory, VMState? Goal, Func<DomainMoments, bool, DomainMoments> Decide);
