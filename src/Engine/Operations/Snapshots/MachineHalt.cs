using MomentTools.Machines;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>Stops a machine for good: first its processors, so that nothing happens after the instant, in the end its QEMU, which closes the images.</summary>
internal static class MachineHalt
{
    /// <summary>Stops the processors.</summary>
    /// <returns>Whether they ran.</returns>
    public static async Task<bool> HoldAsync(BlockSession session, CancellationToken cancellation)
    {
        if (!(await session.Qmp.QueryStatusAsync(cancellation)).Running)
            return false;
        await session.Qmp.StopAsync(cancellation);
        return true;
    }

    /// <summary>Ends QEMU; no line of this process may hold its monitor.</summary>
    public static async Task EndAsync(DomainPlace place, DomainDocument domain, IOperationReport report, CancellationToken cancellation)
    {
        foreach (string warning in await new MachineStopper(place, domain).StopAsync(force: true, TimeSpan.Zero, cancellation))
            report.Warning(warning);
    }
}
