using MomentTools.Machines;
using MomentTools.Operations.Serving;
using MomentTools.Xml;

namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>The block snapshots of a machine that names and patterns mean.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="names">Names and wildcard patterns; empty for all. A plain name that means none is told (BlockSnapshotNotFound).</param>
    /// <param name="report">Where is told what cannot be read.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<IReadOnlyList<VMBlockSnapshot>> GetBlockSnapshotsAsync(string vm, IReadOnlyList<string> names, IOperationReport report, CancellationToken cancellation) =>
        BlockSnapshotSelection.Of(_context.Catalogue.Place(vm), names, await GetBlockSnapshotsAsync(vm, report, cancellation), report);

    /// <summary>What a new block snapshot would be, and where its scratch files would lie, as far as the machine's definition tells; nothing is changed.</summary>
    public async Task<VMBlockSnapshot> PlanBlockSnapshotAsync(string vm, CreateBlockSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        DomainPlace place = _context.Catalogue.Place(vm);
        DomainDocument domain = _context.Catalogue.Load(place);
        var quiet = new PlanReport(report);
        VMDomain machine = await _life.DescribeAsync(place, quiet, cancellation);
        return BlockSnapshotPlan.Of(place, domain, machine, request, await GetBlockSnapshotsAsync(vm, quiet, cancellation));
    }
}
