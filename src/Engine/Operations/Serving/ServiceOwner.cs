using MomentTools.Machines;

namespace MomentTools.Operations.Serving;

/// <summary>With whose end a block snapshot or a block export ends.</summary>
/// <param name="ProcessId">The process that made it; for a session only.</param>
/// <param name="ProcessStartedAt">When that one started, in clock ticks since the host's start: numbers of processes are used again.</param>
/// <param name="Expires">When its lease runs out, or null.</param>
/// <param name="ExportId">The block export that it was made for; for an export only.</param>
internal sealed record ServiceOwner(VMServiceOwner Kind, int? ProcessId, long? ProcessStartedAt, DateTimeOffset? Expires, string? ExportId)
{
    /// <summary>What a user asked for.</summary>
    /// <param name="ownedBySession">It ends with this process.</param>
    /// <param name="lease">How long it lives at most, or null.</param>
    public static ServiceOwner From(bool ownedBySession, TimeSpan? lease, DateTimeOffset now)
    {
        if (lease is { } time && (time <= TimeSpan.Zero || time > DateTimeOffset.MaxValue - now))
            throw ServingErrors.Lease(time);
        return ownedBySession
            ? new ServiceOwner(VMServiceOwner.Session, Environment.ProcessId, HostProcess.Find(Environment.ProcessId)?.StartTime ?? 0, now + lease, null)
            : new ServiceOwner(VMServiceOwner.Machine, null, null, now + lease, null);
    }

    /// <summary>An export that made it for itself; it ends with that one.</summary>
    public static ServiceOwner Export(string id) => new(VMServiceOwner.Export, null, null, null, id);

    /// <summary>Whether the lease has run out or the session has ended. Of a machine and of an export this cannot be told from here.</summary>
    public bool IsDead(DateTimeOffset now) =>
        Expires <= now || (Kind == VMServiceOwner.Session && HostProcess.Find(ProcessId!.Value)?.StartTime != ProcessStartedAt);
}
