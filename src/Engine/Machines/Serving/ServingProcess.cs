namespace MomentTools.Machines.Serving;

/// <summary>A storage daemon that outlives the command that started it, as records of it say.</summary>
/// <param name="ProcessId">Its process id.</param>
/// <param name="StartedAt">Its start in clock ticks since the host's (proc(5), /proc/pid/stat field 22), which tells it from a later process.</param>
/// <param name="Socket">The absolute path of its QMP socket.</param>
internal sealed record ServingProcess(int ProcessId, long StartedAt, string Socket);
