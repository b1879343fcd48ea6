using MomentTools.Operations.Snapshots;

namespace MomentTools;

/// <summary>Going back to snapshots.</summary>
public sealed partial class MomentEngine
{
    /// <summary>What going back to a snapshot would do and leave behind, in bytes where that can be known; nothing is changed.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="request">The snapshot, and how.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the look.</param>
    public Task<VMSnapshotRestore> PlanSnapshotRestoreAsync(string vm, RestoreSnapshotRequest request, IOperationReport report, CancellationToken cancellation) =>
        new SnapshotRestore(_context).PlanAsync(vm, request, report, cancellation);

    /// <summary>Goes back to a snapshot. The state that is left stays as its branch's, or is kept aside; no frozen image is written.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="request">The snapshot, and how.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops it until the machine is touched.</param>
    public Task<VMSnapshotRestore> RestoreSnapshotAsync(string vm, RestoreSnapshotRequest request, IOperationReport report, CancellationToken cancellation) =>
        new SnapshotRestore(_context).RunAsync(vm, request, report, cancellation);
}
