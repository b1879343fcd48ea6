using MomentTools.Machines.Serving;
using MomentTools.Moments;

namespace MomentTools.Operations.Serving;

/// <summary>All that is needed to find a block snapshot, to read it, and to take it down, whoever made it and whatever became of that one.</summary>
/// <param name="Id">The operation that made it: part of the names of all that it has in QEMU.</param>
/// <param name="Name">The user's name for it.</param>
/// <param name="Created">The instant whose content it shows.</param>
/// <param name="Owner">With whose end it ends.</param>
/// <param name="Checkpoint">The checkpoint that was taken at exactly the instant, or null.</param>
/// <param name="Daemon">The storage daemon that holds the disks of a stopped machine; null: the machine's QEMU does.</param>
/// <param name="Disks">Its disks.</param>
internal sealed record BlockSnapshotRecord(
    string Id, string Name, DateTimeOffset Created, ServiceOwner Owner, string? Checkpoint, ServingProcess? Daemon, IReadOnlyList<BlockSnapshotRecordDisk> Disks)
{
    /// <summary>The moments with the points from which it tells the changes held fast.</summary>
    public DomainMoments Pinned(DomainMoments state) =>
        Disks.Where(disk => disk.Point is not null).Aggregate(state, (all, disk) => all.With(all.Disk(disk.Name).Pin(disk.Point!)));
}
