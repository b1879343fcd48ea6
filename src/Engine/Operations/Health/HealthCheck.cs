using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Health;

/// <summary>
/// Test-VMMoment: metadata against metadata, against the images, and against what QEMU says. Takes no lock, changes and recovers nothing.
/// </summary>
internal sealed class HealthCheck(EngineContext context)
{
    public Task<IReadOnlyList<VMMomentFinding>> RunAsync(string vm, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        var findings = new FindingList(vm);
        List<MomentException> faults = [];
        DomainMoments state = new MomentStore(place.StateDirectory).Load(faults.Add);
        MetadataCheck.Run(state, faults, domain, DateTimeOffset.UtcNow, findings);
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(findings.All);
    }
}
