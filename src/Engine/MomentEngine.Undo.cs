using MomentTools.Operations.Undo;

namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>What a machine's last restore or removal discarded, and Undo can bring back.</summary>
    public Task<IReadOnlyList<VMKeptState>> GetKeptStatesAsync(string vm, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(report);
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(new KeptListing(_context).Run(vm, report));
    }

    /// <summary>What <see cref="UndoSnapshotAsync"/> would do, in words; nothing is changed.</summary>
    public Task<string> PlanUndoAsync(string vm, UndoSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(new UndoOperation(_context).Plan(vm, request, report));
    }

    /// <summary>Brings back what the last restore or removal discarded; what is left for it is kept aside in its turn.</summary>
    public async Task<VMDomain> UndoSnapshotAsync(string vm, UndoSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        await new UndoOperation(_context).RunAsync(vm, request, report, cancellation);
        return await GetDomainAsync(vm, report, cancellation);
    }

    /// <summary>
    /// Goes to a temporary branch of a snapshot. However this ends, <see cref="EndSnapshotUseAsync"/> has to follow; where this process dies
    /// before, the next command that changes the machine does it.
    /// </summary>
    /// <param name="vm">The machine.</param>
    /// <param name="request">Which snapshot.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the way there.</param>
    /// <returns>The machine as it is there.</returns>
    public async Task<VMDomain> BeginSnapshotUseAsync(string vm, UseSnapshotRequest request, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        await SnapshotUse.BeginAsync(_context, vm, request, report, cancellation);
        return await GetDomainAsync(vm, report, cancellation);
    }

    /// <summary>Comes back from a temporary branch: the machine is as it was, and what was made meanwhile is gone. Nothing happens where this use has ended.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="id">The use, as its request says.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the way back; the next command that changes the machine goes on with it.</param>
    public Task EndSnapshotUseAsync(string vm, Guid id, IOperationReport report, CancellationToken cancellation) =>
        SnapshotUse.EndAsync(_context, vm, id, report, cancellation);
}
