using MomentTools.Operations.Snapshots;

namespace MomentTools;

/// <summary>Making snapshots.</summary>
public sealed partial class MomentEngine
{
    /// <summary>Takes a snapshot of all disks that take part at one instant, with the machine's memory where that is wanted.</summary>
    public Task<VMSnapshot> CreateSnapshotAsync(string vm, CreateSnapshotRequest request, IOperationReport report, CancellationToken cancellation) =>
        new SnapshotCreation(_context).RunAsync(vm, request, report, cancellation);

    /// <summary>What a snapshot would put out of reach, because it lies inside an image that would get a layer: "branch 'a'", "snapshot 'b'". Nothing is changed.</summary>
    public Task<IReadOnlyList<string>> PlanSnapshotAsync(string vm, CreateSnapshotRequest request, IOperationReport report, CancellationToken cancellation) =>
        Task.FromResult(new SnapshotCreation(_context).Plan(vm, request, report, cancellation));
}
