using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Branches;

/// <summary>Get-VMBranch: from the records alone, without a lock; the machine is not asked.</summary>
internal sealed class BranchListing(EngineContext context)
{
    public IReadOnlyList<VMBranch> Run(string vm, IReadOnlyList<string> names, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure).Of(domain.Disks.Select(disk => disk.Target));
        cancellation.ThrowIfCancellationRequested();
        IReadOnlyList<Branch> branches = BranchNames.Of(state);
        // One name that means nothing is told; the others are listed all the same.
        foreach (string name in names.Where(name => !NamePattern.IsPattern(name) && branches.All(branch => branch.Name != name)))
            report.Failure(BranchErrors.NotFound(vm, name, branches.Select(branch => branch.Name)));
        var results = new BranchResults(domain, state);
        return [.. branches.Where(branch => names.Count == 0 || names.Any(name => NamePattern.IsMatch(name, branch.Name))).Select(results.Of)];
    }
}
