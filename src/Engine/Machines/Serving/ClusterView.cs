using System.Text.Json.Nodes;
using MomentTools.Files;
using MomentTools.Qmp;

namespace MomentTools.Machines.Serving;

/// <summary>
/// What is to be read of a copy-before-write filter: an empty qcow2 node on its snapshot-access node, which cuts every read and every question
/// for block status at the filter's unit of copying. Without it QEMU before 8.0 gives the guest's new data: its <c>hbitmap_status</c> takes a
/// range that begins in a copied unit and ends in another for not copied, so that whatever spans both is read from the disk, and where the
/// guest has zeroed since, a client is told that there is nothing.
/// </summary>
internal static class ClusterView
{
    // Of 512 bytes, with 8 for a cluster: qcow2 looks no further than a slice of its L2 table at once.
    private const int SliceEntries = 64;
    private const int SliceBytes = 512;
    private const long LeastUnit = 64 << 10;
    private const long LargestUnit = 2 << 20;

    // block/qcow2.h: QCOW_MAX_L1_SIZE is 32 MiB; an entry of 8 bytes stands for an L2 table, which is one cluster of such entries.
    private const long MostTables = 4 << 20;

    /// <summary>The unit in bytes in which a filter must copy for a disk of this size: the cluster size of its scratch file.</summary>
    public static long UnitOf(long size)
    {
        long unit = LeastUnit;
        while (unit < LargestUnit && size > MostTables * (ClusterOf(unit) / 8) * ClusterOf(unit))
            unit <<= 1;
        return unit;
    }

    /// <summary>Makes the empty image, and opens it on the snapshot-access node; the file's name is gone when this returns.</summary>
    /// <param name="jobs">The QEMU that has the node.</param>
    /// <param name="path">Where no file is yet.</param>
    /// <param name="modelPath">The file whose owner, group and mode it gets: QEMU may be another user.</param>
    /// <param name="node">The name of the new node.</param>
    /// <param name="access">The snapshot-access node.</param>
    /// <param name="size">The disk's size in bytes.</param>
    /// <param name="cancellation">Stops the making.</param>
    public static async Task AddAsync(QmpJobs jobs, string path, string modelPath, string node, string access, long size, CancellationToken cancellation)
    {
        using (FileStream file = OwnedFile.Create(path))
            OwnedFile.Model(file.SafeFileHandle, modelPath);
        try
        {
            var image = new JsonObject { ["driver"] = "file", ["filename"] = path };
            await jobs.BlockdevCreateAsync(
                node + "-create",
                new JsonObject { ["driver"] = "qcow2", ["file"] = image.DeepClone(), ["size"] = size, ["cluster-size"] = ClusterOf(UnitOf(size)) },
                cancellation);
            await jobs.Client.BlockdevAddAsync(
                new JsonObject { ["driver"] = "qcow2", ["node-name"] = node, ["read-only"] = true, ["l2-cache-entry-size"] = SliceBytes, ["file"] = image, ["backing"] = access },
                CancellationToken.None);
        }
        finally
        {
            Remove(path);
        }
    }

    private static long ClusterOf(long unit) => unit / SliceEntries;

    // QEMU has it open; nothing else needs it.
    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "remove", path);
        }
    }
}
