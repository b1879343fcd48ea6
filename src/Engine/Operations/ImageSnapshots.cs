using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// The internal snapshots that the images list, read from the files: QEMU writes the table before it says that a snapshot is taken, so
/// the files are right while the machine runs too.
/// </summary>
internal static class ImageSnapshots
{
    /// <summary>One moment for each name; a disk that cannot be read is told and left out.</summary>
    public static async Task<IReadOnlyList<Moment>> ReadAsync(DomainDocument domain, Action<MomentException> fault, CancellationToken cancellation)
    {
        List<(string Disk, Qcow2Snapshot Snapshot)> found = [];
        foreach (DomainDisk disk in domain.Disks.Where(disk => disk.Format == "qcow2" && disk.SourcePath is not null))
        {
            try
            {
                await using Qcow2Image image = await Qcow2Image.OpenAsync(disk.SourcePath!, cancellation);
                found.AddRange((await image.SnapshotsAsync(cancellation)).Select(snapshot => (disk.Target, snapshot)));
            }
            catch (MomentException failure)
            {
                fault(failure);
            }
        }

        // One machine's snapshot lies in each of its images under one name; QEMU falls back on the id where there is none.
        return [.. found.GroupBy(pair => pair.Snapshot.Name.Length > 0 ? pair.Snapshot.Name : pair.Snapshot.Id, StringComparer.Ordinal).Select(group => new Moment
        {
            Kind = MomentKind.Snapshot,
            Name = group.Key,
            Id = group.Key,
            Created = group.Max(pair => pair.Snapshot.Created),
            HasMetadata = false,
            State = group.Any(pair => pair.Snapshot.VmStateSize > 0) ? SnapshotState.Running : SnapshotState.Shutoff,
            Location = SnapshotLocation.Internal,
            Disks = [.. group.DistinctBy(pair => pair.Disk, StringComparer.Ordinal).Select(pair => new MomentDisk(pair.Disk, true, null, null, pair.Snapshot.DiskSize))],
        })];
    }
}
