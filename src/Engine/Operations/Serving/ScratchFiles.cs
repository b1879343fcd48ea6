using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Serving;

/// <summary>
/// The scratch files of a block snapshot on their way: made empty, known by device and inode before anything is in them, then images with a
/// node each. They hold what the guest overwrites, so nobody may read them who may not read the disk.
/// </summary>
internal static class ScratchFiles
{
    /// <summary>Makes a disk's file, empty.</summary>
    /// <param name="disk">The disk, with the path.</param>
    /// <param name="image">The image that the disk is on: whose owner, group and mode the file gets.</param>
    /// <returns>The disk, with the file's identity.</returns>
    public static BlockSnapshotRecordDisk Make(BlockSnapshotRecordDisk disk, string image)
    {
        using FileStream file = OwnedFile.Create(disk.ScratchPath!);
        OwnedFile.Model(file.SafeFileHandle, image);
        FileStamp stamp = FileStamp.Of(disk.ScratchPath!) ?? throw FileErrors.From(new IOException("the system does not describe it"), "look at", disk.ScratchPath!);
        return disk with { ScratchDevice = stamp.Device, ScratchInode = stamp.Inode };
    }

    /// <summary>Makes the file an image, and opens it.</summary>
    public static async Task OpenAsync(QmpClient qmp, string id, BlockSnapshotRecordDisk disk, CancellationToken cancellation)
    {
        var nodes = new BlockSnapshotNodes(id, disk.Number);
        string path = disk.ScratchPath!;
        bool isJob = disk.Method == BlockSnapshotRecordDisk.Backup;
        try
        {
            await new QmpJobs(qmp).BlockdevCreateAsync(
                nodes.Job + "-create",
                new JsonObject { ["driver"] = "qcow2", ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = path }, ["size"] = disk.Size },
                cancellation);
            if (disk.ScratchLimit is { } limit)
                Grow(path, limit);
            await qmp.BlockdevAddAsync(nodes.ImageOptions(path, disk.ScratchLimit, isJob ? disk.Node : null), CancellationToken.None);
            if (!isJob)
                await qmp.BlockdevAddAsync(nodes.TargetOptions(), CancellationToken.None);
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpJobFailed || refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            throw BlockSnapshotErrors.ScratchFailed(path, refused);
        }
    }

    /// <summary>Unlinks a file after an operation that was not decided: the one that was noted, or an empty one made since.</summary>
    public static void Remove(BlockSnapshotRecordDisk disk, JournalEntry entry)
    {
        if (FileStamp.Of(disk.ScratchPath!) is not { } stamp)
            return;
        if (disk.ScratchInode != 0 ? stamp.Device == disk.ScratchDevice && stamp.Inode == disk.ScratchInode : stamp.Length == 0 && stamp.Changed >= HostProcess.Before(entry.Started.UtcDateTime))
            DurableFile.Delete(disk.ScratchPath!);
    }

    // Not one byte more can be written than the file is long, and no space is taken before it is.
    private static void Grow(string path, long limit)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, 1);
            if (file.Length < limit)
                file.SetLength(limit);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "set the length of", path);
        }
    }
}
