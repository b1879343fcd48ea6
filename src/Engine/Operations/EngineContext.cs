using MomentTools.Machines;

namespace MomentTools.Operations;

/// <summary>What every operation works with.</summary>
/// <param name="Catalogue">The domains.</param>
/// <param name="LockTimeout">How long to wait for another process.</param>
/// <param name="Probe">Called at each step of a changing operation with its name; tests kill the process there.</param>
/// <param name="Agent">How long a guest's agent may take.</param>
internal sealed record EngineContext(DomainCatalogue Catalogue, TimeSpan LockTimeout, Action<string>? Probe, GuestAgentOptions Agent);
