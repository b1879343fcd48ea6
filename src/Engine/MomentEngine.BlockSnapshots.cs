using MomentTools.Machines;
using MomentTools.Operations;
using MomentTools.Operations.Serving;

namespace MomentTools;

/// <summary>Temporary views of the disks at one instant.</summary>
public sealed partial class MomentEngine
{
    /// <summary>Makes a block snapshot: a read-only view of all its disks at one instant, while the machine writes on.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="request">What it shall be.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Undoes what was done, as long as it is not decided.</param>
    public async Task<VMBlockSnapshot> CreateBlockSnapshotAsync(string vm, CreateBlockSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        var owner = ServiceOwner.From(request.OwnedBySession, request.Lease, DateTimeOffset.UtcNow);
        using ChangeScope scope = await ChangeScope.OpenAsync(_context, vm, "New-VMBlockSnapshot", report, cancellation);
        return BlockSnapshotListing.New(scope.Place.Name, await new BlockSnapshotCreation(_context).RunAsync(scope, request, owner, report, cancellation));
    }

    /// <summary>The block snapshots of a machine, by name, as they are now; nothing is changed.</summary>
    public Task<IReadOnlyList<VMBlockSnapshot>> GetBlockSnapshotsAsync(string vm, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = _context.Catalogue.Place(vm);
        return new BlockSnapshotListing(place, _context.Catalogue.Load(place), report).RunAsync(cancellation);
    }

    /// <summary>Removes a block snapshot, with its scratch files.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="name">The block snapshot.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops it before it begins.</param>
    public async Task RemoveBlockSnapshotAsync(string vm, string name, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(_context, vm, "Remove-VMBlockSnapshot", report, cancellation);
        await BlockSnapshotRemoval.RunAsync(scope, name, report, cancellation);
    }

    /// <summary>A block snapshot as a <c>&lt;domainblocksnapshot&gt;</c> document.</summary>
    public Task<string> GetBlockSnapshotXmlAsync(string vm, string name, IOperationReport report, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var records = new ServiceRecords(_context.Catalogue.Place(vm).StateDirectory);
        BlockSnapshotRecord record = records.Snapshots(report.Failure).FirstOrDefault(record => record.Name == name) ?? throw ServingErrors.NotFound(vm, name, records.SnapshotNames);
        return Task.FromResult(BlockSnapshotRecordXml.DocumentOf(record).ToXml());
    }
}
