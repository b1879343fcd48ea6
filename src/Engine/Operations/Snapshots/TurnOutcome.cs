namespace MomentTools.Operations.Snapshots;

/// <summary>What going to another state inside the images came to.</summary>
/// <param name="State">What the machine does now.</param>
/// <param name="Stood">How long the guest stood still; null where no machine ran.</param>
internal sealed record TurnOutcome(VMState State, TimeSpan? Stood);
