using MomentTools.Operations.Health;

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
}
