using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// Rename-VMDomain. Sockets, bitmaps, sidecars and backups go by the UUID or by ids of ours, so that a machine may run meanwhile; moments
/// keep the definition of their time, old name included. No journal: after each step the domain is whole, under one of the two names.
/// </summary>
internal sealed class DomainRename(EngineContext context)
{
    private const string Operation = "domain-rename";

    public async Task<DomainPlace> RunAsync(string vm, string newName, IOperationReport report, CancellationToken cancellation)
    {
        MomentNames.CheckDomain(newName);
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Rename-VMDomain", recover: true, report, cancellation, anyway: true);
        DomainPlace place = context.Catalogue.Rename(scope.Place, newName, step => context.Probe?.Invoke($"{Operation}:{step}"));
        if (MachineProbe.ProcessOf(place) is not null)
            report.Verbose($"The running QEMU calls itself '{vm}' until it is started again; that name is only shown in lists of processes.");
        return place;
    }
}
