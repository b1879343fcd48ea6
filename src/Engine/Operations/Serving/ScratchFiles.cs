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
                new JsonObject { ["driver"] = "qcow2", ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = path }, ["size"] = disk.Size, ["cluster-size"] = ClusterView.UnitOf(disk.Size) },
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

    /// <summary>Puts the nodes on a disk's filter by which its content is read.</summary>
    /// <param name="qmp">The machine.</param>
    /// <param name="id">The block snapshot's id.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="image">The image that the disk is on.</param>
    /// <param name="cancellation">Stops the making.</param>
    public static async Task ShowAsync(QmpClient qmp, string id, BlockSnapshotRecordDisk disk, string image, CancellationToken cancellation)
    {
        var nodes = new BlockSnapshotNodes(id, disk.Number);
        string path = ViewPath(disk);
        try
        {
            await qmp.BlockdevAddAsync(nodes.AccessOptions(), CancellationToken.None);
            await ClusterView.AddAsync(new QmpJobs(qmp), path, image, nodes.View, nodes.Access, disk.Size, cancellation);
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpJobFailed || refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            throw BlockSnapshotErrors.ScratchFailed(path, refused);
        }
    }

    /// <summary>The file that lies beside a scratch file for a moment while the view of its disk is made.</summary>
    public static string ViewPath(BlockSnapshotRecordDisk disk) => disk.ScratchPath + BlockSnapshotWish.ViewExtension;

    /// <summary>Unlinks a disk's files after an operation that was not decided: the one that was noted, or an empty one made since.</summary>
    public static void Remove(BlockSnapshotRecordDisk disk, JournalEntry entry)
    {
        if (FileStamp.Of(disk.ScratchPath!) is { } stamp && (disk.ScratchInode != 0 ? stamp.Device == disk.ScratchDevice && stamp.Inode == disk.ScratchInode : IsSince(stamp, entry) && stamp.Length == 0))
            DurableFile.Delete(disk.ScratchPath!);
        // None was there when the operation was begun.
        if (FileStamp.Of(ViewPath(disk)) is { } view && IsSince(view, entry))
            DurableFile.Delete(ViewPath(disk));
    }

    private static bool IsSince(FileStamp stamp, JournalEntry entry) => stamp.Changed >= HostProcess.Before(entry.Started.UtcDateTime);

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
