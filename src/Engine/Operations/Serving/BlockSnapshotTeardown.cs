using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Serving;

/// <summary>
/// Takes a block snapshot down, from any state between its making and its end: its nodes, jobs and bitmaps in QEMU, or its storage daemon;
/// then its scratch files, each only while it is the very file that was made. What is gone is passed over, so it can be done again.
/// </summary>
internal static class BlockSnapshotTeardown
{
    /// <param name="place">The domain.</param>
    /// <param name="record">The block snapshot.</param>
    /// <param name="machine">The machine's QEMU; null where none runs, or another one than it was made in.</param>
    /// <param name="cancellation">Stops the wait for a storage daemon's end.</param>
    /// <returns>Scratch files that are other files than those that were made, and were left alone.</returns>
    public static async Task<IReadOnlyList<string>> RunAsync(DomainPlace place, BlockSnapshotRecord record, QmpClient? machine, CancellationToken cancellation)
    {
        if (record.Daemon is { } daemon)
            await ServingDaemon.EndAsync(daemon, cancellation);
        else if (machine is not null)
            await new BlockSnapshotGraph(machine).RemoveAsync(record.Id, [.. record.Disks.Select(disk => new BlockSnapshotNodes(record.Id, disk.Number))]);
        List<string> others = [];
        foreach (BlockSnapshotRecordDisk disk in record.Disks.Where(disk => disk.ScratchPath is not null))
        {
            string path = disk.ScratchPath!;
            if (FileStamp.Of(path) is { } stamp && stamp.Device == disk.ScratchDevice && stamp.Inode == disk.ScratchInode)
                DurableFile.Delete(path);
            else if (!FileStamp.IsAbsent(path))
                others.Add(path);
        }

        new MomentStore(place.StateDirectory).Segments.Delete([.. record.Disks.Select(disk => disk.CopySidecar).OfType<string>().Distinct(StringComparer.Ordinal)]);
        return others;
    }

    /// <summary>The moments once a block snapshot is gone: the points that no other one refers to are free.</summary>
    /// <param name="state">The moments.</param>
    /// <param name="gone">The block snapshot.</param>
    /// <param name="others">Those that stay.</param>
    public static DomainMoments Unpin(DomainMoments state, BlockSnapshotRecord gone, IEnumerable<BlockSnapshotRecord> others)
    {
        HashSet<(string, string)> used = [.. others.Where(other => other.Id != gone.Id).SelectMany(other => other.Disks).Where(disk => disk.Point is not null).Select(disk => (disk.Name, disk.Point!))];
        foreach (BlockSnapshotRecordDisk disk in gone.Disks)
            if (disk.Point is { } point && !used.Contains((disk.Name, point)) && state.Disks.ContainsKey(disk.Name))
                state = state.With(state.Disk(disk.Name).Unpin(point));
        return state;
    }
}
