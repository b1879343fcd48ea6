using MomentTools.Operations;
using MomentTools.Operations.Serving;

namespace MomentTools;

/// <summary>What changed between points in time.</summary>
public sealed partial class MomentEngine
{
    /// <summary>What was written since a moment, disk by disk in order of offset. Throws ChangesUnknown where a link of the chain is not proven.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="since">The moment.</param>
    /// <param name="disks">The disks; empty means all that the moment covers.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<IReadOnlyList<VMChangedBlock>> GetChangedBlocksAsync(string vm, string since, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<DiskChanges> changes = await new ChangedBlocks(_context).RunAsync(vm, since, disks, withKinds: true, report, cancellation);
        return new ChangedBlockList(vm, changes);
    }

    /// <summary>
    /// What was written since a moment, with the content that it changed to: each run can be opened and read. Up to a snapshot outside the
    /// images, or up to now on a stopped machine; a running one is refused (ChangedContentMoves). While the list is gone through the content
    /// stays open.
    /// </summary>
    /// <param name="vm">The machine.</param>
    /// <param name="since">One moment.</param>
    /// <param name="to">The other, whose content is read; null for now.</param>
    /// <param name="disks">The disks; empty means all that both cover.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<IReadOnlyList<VMChangedBlock>> ReadChangedBlocksAsync(string vm, string since, string? to, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<DiskChanges> changes = await new ChangedBlocks(_context).ReadAsync(vm, since, to, disks, report, cancellation);
        return new ChangedBlockList(vm, changes);
    }

    /// <summary>What was written since a moment up to the instant that a block snapshot holds, disk by disk in order of offset.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="since">The moment.</param>
    /// <param name="snapshot">The block snapshot.</param>
    /// <param name="read">Whether each run can be opened and read; then the content stays open while the list is gone through.</param>
    /// <param name="disks">The disks; empty means all that both cover.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<IReadOnlyList<VMChangedBlock>> GetBlockSnapshotChangesAsync(string vm, string since, string snapshot, bool read, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation) =>
        new ChangedBlockList(vm, await new SnapshotChangedBlocks(_context).RunAsync(vm, since, snapshot, disks, withKinds: true, read, report, cancellation));

    /// <summary>How much was written since a moment up to the instant that a block snapshot holds, one result a disk.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="since">The moment.</param>
    /// <param name="snapshot">The block snapshot.</param>
    /// <param name="disks">The disks; empty means all that both cover.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<IReadOnlyList<VMChangedBlockMeasure>> MeasureBlockSnapshotChangesAsync(string vm, string since, string snapshot, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<DiskChanges> changes = await new SnapshotChangedBlocks(_context).RunAsync(vm, since, snapshot, disks, withKinds: false, withContent: false, report, cancellation);
        return [.. changes.Select(disk => disk.ToMeasure(vm, since, snapshot))];
    }

    /// <summary>How much was written since a moment, one result a disk.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="since">The moment.</param>
    /// <param name="disks">The disks; empty means all that the moment covers.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<IReadOnlyList<VMChangedBlockMeasure>> MeasureChangedBlocksAsync(string vm, string since, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<DiskChanges> changes = await new ChangedBlocks(_context).RunAsync(vm, since, disks, withKinds: false, report, cancellation);
        return [.. changes.Select(disk => disk.ToMeasure(vm, since, null))];
    }

    /// <summary>What was written between two moments, disk by disk in order of offset. Throws ChangesUnknown where a link of the chain is not proven.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="from">One moment.</param>
    /// <param name="to">The other; the order does not matter.</param>
    /// <param name="disks">The disks; empty means all that both moments cover.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<IReadOnlyList<VMChangedBlock>> GetChangedBlocksAsync(string vm, string from, string to, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<DiskChanges> changes = await new ChangedBlocks(_context).BetweenAsync(vm, from, to, disks, report, cancellation);
        return new ChangedBlockList(vm, changes);
    }

    /// <summary>How much was written between two moments, one result a disk.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="from">One moment.</param>
    /// <param name="to">The other; the order does not matter.</param>
    /// <param name="disks">The disks; empty means all that both moments cover.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<IReadOnlyList<VMChangedBlockMeasure>> MeasureChangedBlocksAsync(string vm, string from, string to, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<DiskChanges> changes = await new ChangedBlocks(_context).BetweenAsync(vm, from, to, disks, report, cancellation);
        return [.. changes.Select(disk => disk.ToMeasure(vm, from, to))];
    }

    /// <summary>
    /// How two points in time are related on each disk, and how much was written between them. A disk of which that is not known is a result
    /// that says why.
    /// </summary>
    /// <param name="vm">The machine.</param>
    /// <param name="from">One moment.</param>
    /// <param name="to">The other, or null: now.</param>
    /// <param name="disks">The disks; empty means all that one of them covers.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the work.</param>
    public Task<IReadOnlyList<VMMomentComparison>> CompareMomentsAsync(string vm, string from, string? to, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation) =>
        new MomentComparison(_context).RunAsync(vm, from, to, disks, report, cancellation);
}
