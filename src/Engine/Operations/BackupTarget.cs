using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Operations.Backups;
using MomentTools.Qmp;

namespace MomentTools.Operations;

/// <summary>The qcow2 file that one disk is stored in, opened in QEMU under names that bear the operation's id.</summary>
/// <param name="Decision">What is stored, and on what it stands.</param>
/// <param name="Path">The file.</param>
/// <param name="NodeName">QEMU's node of the format; the file's is called by it, with "-f" behind.</param>
internal sealed record BackupTarget(BackupDecision Decision, string Path, string NodeName)
{
    public string JobId => NodeName + "-job";

    private string FileNode => NodeName + "-f";

    /// <summary>Makes and opens the file. The backing file is only named in it: what lies beneath must not be read while it is written.</summary>
    public async Task OpenAsync(BlockSession session, CancellationToken cancellation)
    {
        string job = NodeName + "-create";
        await session.Jobs.BlockdevCreateAsync(job, new JsonObject { ["driver"] = "file", ["filename"] = Path, ["size"] = 0 }, cancellation);
        await session.Qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "file", ["node-name"] = FileNode, ["filename"] = Path }, cancellation);
        var format = new JsonObject { ["driver"] = "qcow2", ["file"] = FileNode, ["size"] = Decision.Disk.VirtualSize };
        if (Decision.Parent is { } parent)
        {
            format["backing-file"] = BackupStaging.BackingName(parent.Id, Decision.Disk.Name);
            format["backing-fmt"] = "qcow2";
        }

        await session.Jobs.BlockdevCreateAsync(job, format, cancellation);
        await session.Qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "qcow2", ["node-name"] = NodeName, ["file"] = FileNode, ["backing"] = null }, cancellation);
    }

    /// <summary>Closes the file, which writes out its tables.</summary>
    public async Task CloseAsync(BlockSession session, CancellationToken cancellation)
    {
        await session.Qmp.BlockdevDelAsync(NodeName, cancellation);
        await session.Qmp.BlockdevDelAsync(FileNode, cancellation);
    }

    /// <summary>The job that copies, and for an increment the private bitmap that tells it what.</summary>
    /// <param name="saved">What is known from sidecars, as a bitmap written for this backup; null where bitmaps hold it all.</param>
    public IEnumerable<TransactionAction> Actions(string incrementBitmap, BitmapRef? saved, long speedLimit, bool compress)
    {
        string node = Decision.Disk.NodeName;
        bool increment = Decision.Kind == VMBackupKind.Incremental;
        if (increment)
        {
            yield return TransactionAction.BitmapAdd(node, incrementBitmap, granularity: TrackingProof.Granularity, disabled: true);
            yield return TransactionAction.BitmapMerge(node, incrementBitmap, 
                Decision.Changes!.Bitmaps.Select(name => new BitmapRef(node, name)).Concat(saved is { } written ? [written] : []));
        }

        yield return TransactionAction.BlockdevBackup(
            JobId, node, NodeName, increment ? "bitmap" : "full", increment ? incrementBitmap : null, increment ? "never" : null, speedLimit > 0 ? speedLimit : null, compress);
    }
}
