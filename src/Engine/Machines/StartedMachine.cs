namespace MomentTools.Machines;

/// <summary>A machine that was just started.</summary>
/// <param name="Warnings">What the user should know of how it was translated.</param>
internal sealed record StartedMachine(HostProcess Process, IReadOnlyList<string> Warnings);
