using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>What a new block snapshot would be, for whoever wants to see it before.</summary>
internal static class BlockSnapshotPlan
{
    /// <param name="place">The domain.</param>
    /// <param name="domain">Its document.</param>
    /// <param name="machine">The machine as it is now.</param>
    /// <param name="request">What is wanted.</param>
    /// <param name="present">The block snapshots that there are.</param>
    public static VMBlockSnapshot Of(DomainPlace place, DomainDocument domain, VMDomain machine, CreateBlockSnapshotRequest request, IReadOnlyList<VMBlockSnapshot> present)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        var owner = ServiceOwner.From(request.OwnedBySession, request.Lease, now);
        // These are cleared before the new one is made.
        VMBlockSnapshot[] ended = [.. present.Where(one => one.State is VMServiceState.Expired or VMServiceState.Gone)];
        var wish = BlockSnapshotWish.Of(place, domain, request, ended);
        bool runs = machine.State != VMState.Stopped;
        Dictionary<string, VMDisk> disks = machine.Disks.ToDictionary(disk => disk.Name, StringComparer.Ordinal);
        IReadOnlyDictionary<string, string> files = runs
            ? wish.ScratchFiles(machine.Uuid, wish.Disks.ToDictionary(disk => disk.Target, disk => disks.GetValueOrDefault(disk.Target)?.Path ?? disk.SourcePath!, StringComparer.Ordinal))
            : new Dictionary<string, string>(StringComparer.Ordinal);
        return new VMBlockSnapshot
        {
            VM = place.Name,
            Name = wish.Name,
            Created = now,
            Checkpoint = request.NewCheckpoint,
            Owner = owner.Kind,
            Expires = owner.Expires,
            Disks = [.. wish.Disks.Select(disk => new VMBlockSnapshotDisk
            {
                Name = disk.Target,
                Size = disks.GetValueOrDefault(disk.Target)?.Size ?? 0,
                ScratchPath = files.GetValueOrDefault(disk.Target),
                ScratchLimit = runs ? request.ScratchLimit : null,
                Method = runs ? BlockSnapshotRecordDisk.CopyBeforeWrite : BlockSnapshotRecordDisk.Image,
            })],
        };
    }
}
