using MomentTools.Operations.Snapshots;

namespace MomentTools;

/// <summary>Making snapshots.</summary>
public sealed partial class MomentEngine
{
    /// <summary>Takes a snapshot of all disks that take part at one instant, with the machine's memory where that is wanted.</summary>
    public Task<VMSnapshot> CreateSnapshotAsync(string vm, CreateSnapshotRequest request, IOperationReport report, CancellationToken cancellation) =>
        new SnapshotCreation(_context).RunAsync(vm, request, report, cancellation);
}
