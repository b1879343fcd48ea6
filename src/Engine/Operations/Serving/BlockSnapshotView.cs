using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Nbd;
using MomentTools.Qmp;

namespace MomentTools.Operations.Serving;

/// <summary>How the content of a block snapshot is reached, and whether it still is what it was.</summary>
internal static class BlockSnapshotView
{
    private const int Sector = 512;

    // What a view answers for a read once it is broken; a disk that cannot be read says another number.
    private const int Invalid = 22;

    /// <summary>The node that shows a disk at the instant.</summary>
    public static string AccessNode(BlockSnapshotRecord record, BlockSnapshotRecordDisk disk)
    {
        var nodes = new BlockSnapshotNodes(record.Id, disk.Number);
        return disk.Method switch
        {
            BlockSnapshotRecordDisk.CopyBeforeWrite => nodes.View,
            BlockSnapshotRecordDisk.Backup => nodes.Image,
            _ => disk.Node,
        };
    }

    /// <summary>
    /// Why a view that is there cannot be read any more, or null. QEMU tells nobody that a view broke: a read of it does, at any place.
    /// </summary>
    /// <param name="exports">Serves the node for a moment.</param>
    /// <param name="jobs">QEMU's jobs.</param>
    public static async Task<string?> WhyBrokenAsync(SessionExports exports, IReadOnlyList<QmpJobInfo> jobs, BlockSnapshotRecord record, BlockSnapshotRecordDisk disk, CancellationToken cancellation)
    {
        if (disk.Method == BlockSnapshotRecordDisk.Backup
            && jobs.FirstOrDefault(job => job.Id == new BlockSnapshotNodes(record.Id, disk.Number).Job) is not { IsConcluded: false })
            return $"the job that copied for disk '{disk.Name}' has ended";
        try
        {
            NbdClient client = await exports.ConnectAsync(AccessNode(record, disk), [], [], cancellation);
            await client.ReadAsync(0, new byte[Math.Min(Sector, disk.Size)], cancellation);
            return null;
        }
        catch (MomentException failure) when (failure.PeerErrorNumber == Invalid && disk.Method == BlockSnapshotRecordDisk.CopyBeforeWrite)
        {
            return disk.ScratchLimit is { } limit
                ? $"the scratch file of disk '{disk.Name}' ('{disk.ScratchPath}') could not take all that the machine overwrote; its limit is {limit} bytes"
                : $"the scratch file of disk '{disk.Name}' ('{disk.ScratchPath}') could not take all that the machine overwrote";
        }
        catch (MomentException failure) when (failure.PeerErrorNumber is not null)
        {
            return $"disk '{disk.Name}' cannot be read: {failure.Message.TrimEnd('.')}";
        }
    }
}
