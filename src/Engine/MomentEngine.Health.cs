using MomentTools.Operations.Health;
using MomentTools.Operations.Repairs;

namespace MomentTools;

/// <summary>Whether metadata, images and QEMU agree.</summary>
public sealed partial class MomentEngine
{
    /// <summary>
    /// What does not fit together in a machine's moments; nothing where all is well. Reads every file of the metadata and the images' headers
    /// and bitmap lists, asks QEMU where the machine runs, and changes nothing.
    /// </summary>
    /// <param name="vm">The machine.</param>
    /// <param name="disks">The disks whose images are looked at; empty means all. The metadata is always read whole.</param>
    /// <param name="report">Where it is told what could not be looked at.</param>
    /// <param name="cancellation">Stops the work.</param>
    public Task<IReadOnlyList<VMMomentFinding>> TestMomentsAsync(string vm, IReadOnlyList<string> disks, IOperationReport report, CancellationToken cancellation) =>
        new HealthCheck(_context).RunAsync(vm, disks, report, cancellation);

    /// <summary>What <see cref="RepairMomentsAsync"/> would do about each finding; nothing is changed.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="request">What to repair.</param>
    /// <param name="report">Where it is told what could not be looked at.</param>
    /// <param name="cancellation">Stops the work.</param>
    public Task<IReadOnlyList<VMMomentRepair>> PlanRepairAsync(string vm, RepairMomentRequest request, IOperationReport report, CancellationToken cancellation) =>
        new MomentRepair(_context).PlanAsync(vm, request, report, cancellation);

    /// <summary>
    /// Makes metadata and bitmaps agree again, by the smallest change for each finding: what cannot be proven is written down as unknown,
    /// never as less. What the guest sees is not touched.
    /// </summary>
    /// <param name="vm">The machine.</param>
    /// <param name="request">What to repair.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the work; what was begun is taken back.</param>
    public Task<IReadOnlyList<VMMomentRepair>> RepairMomentsAsync(string vm, RepairMomentRequest request, IOperationReport report, CancellationToken cancellation) =>
        new MomentRepair(_context).RunAsync(vm, request, report, cancellation);
}
