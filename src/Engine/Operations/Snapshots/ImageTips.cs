using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qcow2;
using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>States of disks that lie as snapshots inside their own images: saved, found, deleted. To load one is an <see cref="ImageTurn"/>.</summary>
internal static class ImageTips
{
    /// <summary>How the tags of states begin that are no moments': tips of branches that are not active.</summary>
    public const string TagPrefix = "mt-state-";

    /// <summary>Saves the present state of disks, at one instant, and returns when it is in the images.</summary>
    /// <param name="session">The line to whoever has the disks open.</param>
    /// <param name="operationId">The operation's id, part of the job's.</param>
    /// <param name="nodes">The nodes of the images.</param>
    /// <param name="tag">The tag, new in each image.</param>
    /// <param name="withMemory">The machine's memory too; its guest stands still meanwhile.</param>
    public static async Task SaveAsync(BlockSession session, string operationId, IReadOnlyList<string> nodes, string tag, bool withMemory)
    {
        if (!withMemory)
        {
            await session.Qmp.TransactionAsync(nodes.Select(node => TransactionAction.BlockdevSnapshotInternal(node, tag)), CancellationToken.None);
            return;
        }

        string job = ImageTurn.SaveJob(operationId);
        await session.Jobs.RunAsync(job, token => session.Qmp.SnapshotSaveAsync(job, tag, nodes[0], nodes, token), null, CancellationToken.None);
    }

    /// <summary>Deletes a state from those of the images that have it.</summary>
    /// <param name="session">The line to whoever has the images open for writing.</param>
    /// <param name="images">Node and file of each.</param>
    /// <param name="tag">The tag.</param>
    /// <param name="cancellation">Stops between two images.</param>
    /// <returns>The nodes of the images that had it.</returns>
    public static async Task<IReadOnlyList<string>> DeleteAsync(BlockSession session, IEnumerable<(string Node, string Path)> images, string tag, CancellationToken cancellation)
    {
        List<string> deleted = [];
        foreach ((string node, string path) in images)
            if (await FindAsync(path, tag, cancellation) is { } snapshot)
            {
                await session.Qmp.SnapshotDeleteInternalAsync(node, snapshot.Id, snapshot.Name, cancellation);
                deleted.Add(node);
            }

        return deleted;
    }

    /// <summary>The snapshot of a tag in an image, whoever has it open: QEMU writes the list before it says that a snapshot is there.</summary>
    /// <exception cref="MomentException"><c>SnapshotTagAmbiguous</c>: QEMU would take another one for it.</exception>
    public static async Task<Qcow2Snapshot?> FindAsync(string path, string tag, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        IReadOnlyList<Qcow2Snapshot> all = await image.SnapshotsAsync(cancellation);
        Qcow2Snapshot[] named = [.. all.Where(snapshot => snapshot.Name == tag)];
        return named.Length switch
        {
            0 => null,
            // QEMU looks among the ids first.
            1 when all.All(other => ReferenceEquals(other, named[0]) || other.Id != tag) => named[0],
            _ => throw ImageTipErrors.Ambiguous(path, tag),
        };
    }

    /// <summary>Whether an image's active content is that of one of its snapshots, as far as the file tells.</summary>
    public static async Task<bool> HoldsAsync(string path, string snapshotId, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        return (await image.SnapshotsAsync(cancellation)).FirstOrDefault(snapshot => snapshot.Id == snapshotId) is { } found && await image.HoldsAsync(found, cancellation);
    }
}
