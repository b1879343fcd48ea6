using MomentTools.Moments;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups.Making;

/// <summary>The manifest of a backup whose files have been written and closed.</summary>
internal static class BackupRecord
{
    /// <param name="work">The backup.</param>
    /// <param name="jobs">Its disks.</param>
    /// <param name="next">The moments with the checkpoint that was made with it.</param>
    /// <param name="instant">When the content was that of the disks.</param>
    /// <param name="mode">Push or pull.</param>
    /// <param name="qemuVersion">The QEMU that read the disks.</param>
    /// <param name="firmware">The firmware variables, or null.</param>
    /// <param name="cancellation">Stops reading the files.</param>
    public static async Task<BackupManifest> MakeAsync(
        BackupWork work, IReadOnlyList<BackupJob> jobs, DomainMoments next, DateTimeOffset instant, string mode, string qemuVersion, FirmwareVariables? firmware, CancellationToken cancellation)
    {
        List<BackupManifestDisk> disks = [];
        foreach (BackupJob job in jobs)
        {
            string name = job.Decision.Disk.Name;
            (long bytes, int runs) = await StoredAsync(job.Target.Path, cancellation);
            disks.Add(new BackupManifestDisk
            {
                Name = name,
                Kind = job.Decision.Kind,
                Reason = Cut(job.Decision.Reason),
                Compared = job.Decision.Compare,
                File = Path.GetFileName(job.Target.Path),
                ParentId = job.Decision.Parent?.Id,
                VirtualSize = job.Decision.Disk.VirtualSize,
                CopiedBytes = bytes,
                Extents = runs,
                PointId = work.Request.Kind == VMBackupKind.Copy ? null : PointOf(next, work.Moment, name) ?? MomentIds.New(),
            });
        }

        return new BackupManifest
        {
            Id = work.Id,
            Parent = work.Backups.Count > 0 ? work.Backups[^1].Id : null,
            Kind = work.Request.Kind is VMBackupKind.Copy or VMBackupKind.Differential ? work.Request.Kind : VMBackupKind.Automatic,
            Mode = mode,
            Description = work.Request.Description,
            Vm = work.Vm,
            Uuid = work.Uuid,
            Created = instant,
            Checkpoint = work.Moment?.Key.Name,
            EngineVersion = typeof(BackupRecord).Assembly.GetName().Version!.ToString(3),
            QemuVersion = qemuVersion,
            Host = Environment.MachineName,
            User = Environment.UserName,
            Firmware = firmware?.Entry,
            Disks = disks,
        };
    }

    // It may quote another failure with its paths; the manifest has room for so much.
    private static string? Cut(string? reason) => reason is { Length: > BackupManifestRules.LongestText } ? reason[..(BackupManifestRules.LongestText - 1)] + "…" : reason;

    private static string? PointOf(DomainMoments next, StoredMoment? moment, string disk) => moment is null ? null : next.Disk(disk).PointOf(moment.Key)?.Id;

    // Read from what was written: tables that did not reach the file are noticed here.
    private static async Task<(long Bytes, int Runs)> StoredAsync(string path, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        (long bytes, int runs, long end) = (0, 0, -1);
        await foreach (Qcow2Mapping run in image.MapAsync(0, image.Header.Size, cancellation))
        {
            if (run is not (Qcow2Mapping.Data or Qcow2Mapping.Compressed))
                continue;
            // One run of the disk may be several of the file.
            runs += run.Offset.Value == end ? 0 : 1;
            (bytes, end) = (bytes + run.Length, run.Offset.Value + run.Length);
        }

        return (bytes, runs);
    }
}
