using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>The two halves of an in-place restore: the blocks into the redo files, and from these onto the disks.</summary>
/// <param name="vm">The machine.</param>
/// <param name="session">The storage daemon that has the disks open for writing.</param>
/// <param name="redos">A file for each disk that is written.</param>
internal sealed class InPlaceWriting(string vm, BlockSession session, IReadOnlyList<RedoFile> redos)
{
    /// <summary>How the disks are opened, whatever the machine's definition says: zeroes free their room.</summary>
    public static readonly DriverOptions Options = new(Discard: "unmap");

    public async Task StoreAsync(
        BackupSelection selection, IReadOnlyList<DiskDifference> differences, Journal journal, IOperationReport report, CancellationToken cancellation)
    {
        var progress = new ByteProgress(report, $"Restoring {vm}", differences.Sum(difference => difference.Blocks.TotalLength));
        foreach ((DiskDifference difference, RedoFile redo) in differences.Zip(redos))
        {
            await using Qcow2Chain backup = await selection.Chains.First(chain => chain.Top.Disk.Name == difference.Disk).OpenAsync(cancellation);
            journal.Pass("store");
            try
            {
                await redo.WriteAsync(session, backup, difference.Blocks, new Steps(progress.Step($"{difference.Disk}: storing the blocks")), cancellation);
            }
            catch (MomentException failure)
            {
                throw InPlaceErrors.Explain(redo, failure);
            }

            journal.Pass("stored");
        }
    }

    /// <summary>Writes the disks and closes them, on stable storage at the end.</summary>
    public async Task ApplyAsync(IOperationReport report, CancellationToken cancellation)
    {
        long total = 0;
        foreach (RedoFile redo in redos)
            total += await redo.LengthAsync(cancellation);
        var progress = new ByteProgress(report, $"Restoring {vm}", total);
        await using (SessionExports exports = session.OpenExports(cancellation))
            foreach (RedoFile redo in redos)
                await redo.ApplyAsync(session, exports, new Steps(progress.Step($"{redo.Disk}: writing")), cancellation);
        await session.CloseAsync(cancellation);
    }
}
