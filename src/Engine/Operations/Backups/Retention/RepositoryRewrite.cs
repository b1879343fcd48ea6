using System.Security.Cryptography;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Operations.Backups.Making;
using MomentTools.Qmp;

namespace MomentTools.Operations.Backups.Retention;

/// <summary>
/// Gives a backup new files on other parents, with the same content. Steps: what has to be stored, from the allocation of the files; the files
/// it comes from agree with their hashes, and there is room; a storage daemon writes the new ones into a directory beside; they are compared
/// with the old chain, hashed and flushed; the directories are exchanged; the old one is removed. Until the exchange nothing has changed,
/// after it all has: there is no state between that anybody sees.
/// </summary>
/// <param name="repository">The repository.</param>
/// <param name="runtimeDirectory">Where the storage daemon's socket may lie.</param>
/// <param name="probe">Called at each step with its name; tests kill the process there.</param>
/// <param name="exchange">How the directories are exchanged; as the file system can where it is left out.</param>
internal sealed class RepositoryRewrite(BackupRepository repository, string runtimeDirectory, Action<string>? probe, DirectoryExchange? exchange = null)
{
    private readonly DirectoryExchange _exchange = exchange ?? new DirectoryExchange(probe: probe);

    /// <summary>Rewrites one backup; the lock of the machine's directory must be held, and what was interrupted in it recovered.</summary>
    /// <param name="domainDirectory">The machine's directory.</param>
    /// <param name="step">The backup and its new parents.</param>
    /// <param name="backups">All backups of the machine that can be read, as they are now.</param>
    /// <returns>The backup as it is now, to be put in its place in the list.</returns>
    public async Task<BackupManifest> RunAsync(
        string domainDirectory, RewriteStep step, IReadOnlyList<BackupManifest> backups, IOperationReport report, CancellationToken cancellation)
    {
        BackupManifest backup = backups.First(one => one.Id == step.Backup.Id);
        List<RewrittenDisk> disks = [];
        foreach ((string disk, string? parent) in step.NewParents.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            if (backup.FindDisk(disk)?.ParentId != parent)
                disks.Add(await RewrittenDisk.PlanAsync(backups, backup, disk, parent, cancellation));
        if (disks.Count == 0)
            return backup;
        await VerifyAsync(backup, disks, report, cancellation);
        RequireRoom(domainDirectory, backup, disks);
        probe?.Invoke("backup-rewrite:verified");
        await using BackupStaging staging = repository.Stage(domainDirectory, backup.Uuid, backup.Id, report);
        probe?.Invoke("backup-rewrite:begun");
        await CopyAsync(staging, backup, disks, report, cancellation);
        probe?.Invoke("backup-rewrite:copied");
        BackupManifest manifest = await new BackupReplacement(staging, backup, disks).CompleteAsync(backups, report, cancellation);
        probe?.Invoke("backup-rewrite:staged");
        cancellation.ThrowIfCancellationRequested();
        staging.Exchange(_exchange);
        probe?.Invoke("backup-rewrite:exchanged");
        return manifest with { Directory = backup.Directory };
    }

    // Rot must not get hashes of its own: what the new files are made of is what was once written.
    private static async Task VerifyAsync(BackupManifest backup, List<RewrittenDisk> disks, IOperationReport report, CancellationToken cancellation)
    {
        var verification = new BackupVerification(report);
        await foreach (MomentException finding in verification.FindDamageAsync(
            $"Checking what the backup {backup.Id} is rewritten from", disks.SelectMany(disk => disk.Map.Read), cancellation))
            throw finding;
    }

    private static void RequireRoom(string domainDirectory, BackupManifest backup, List<RewrittenDisk> disks)
    {
        long needed = disks.Sum(disk => disk.Room), free;
        try
        {
            free = new DriveInfo(domainDirectory).AvailableFreeSpace;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "look for the free space of", domainDirectory);
        }

        if (free < needed)
        {
            throw new MomentException(
                FileErrors.StorageFull, $"Cannot rewrite the backup '{backup.Id}': it takes {needed} bytes beside the old one until that is removed, and '{domainDirectory}' has {free} bytes free.", domainDirectory,
                "Free some space for the repository: nothing was changed.");
        }
    }

    private async Task CopyAsync(BackupStaging staging, BackupManifest backup, List<RewrittenDisk> disks, IOperationReport report, CancellationToken cancellation)
    {
        string id = RandomNumberGenerator.GetHexString(8, lowercase: true);
        // Compressed and plain ones are written one after the other: the daemon is told once for all.
        foreach (IGrouping<bool, RewrittenDisk> group in disks.GroupBy(disk => disk.Map.Compressed))
        {
            await using DaemonCopy copy = await DaemonCopy.StartAsync(runtimeDirectory, id, cancellation);
            List<DaemonCopyItem> items = [];
            foreach (RewrittenDisk disk in group)
            {
                (string source, string target) = ($"mt-{id}-s{items.Count}", $"mt-{id}-t{items.Count}");
                report.Verbose($"Rewriting the disk '{disk.Name}' of the backup {backup.Id}: {disk.Map.Blocks.TotalLength} bytes, {(disk.ParentId is { } parent ? $"standing on {parent}" : "in full")}.");
                await copy.AddChainAsync(source, disk.Chain, cancellation);
                items.Add(new DaemonCopyItem(source, new BackupTarget(staging.DiskPath(disk.Name), target, disk.Size, disk.BackingName), disk.Map.Blocks));
            }

            await copy.RunAsync(items, 0, group.Key, new Progress(report, backup, [.. group.Select(disk => disk.Name)]), cancellation);
        }
    }

    private sealed class Progress(IOperationReport report, BackupManifest backup, string[] disks) : IProgress<JobProgress>
    {
        private readonly Dictionary<string, JobProgress> _jobs = [];

        public void Report(JobProgress value)
        {
            lock (_jobs)
            {
                _jobs[value.JobId] = value;
                report.Progress(new OperationProgress($"Rewriting {backup.Vm}", $"{backup.Id}, {string.Join(", ", disks)}: copying", _jobs.Values.Sum(job => job.Done), _jobs.Values.Sum(job => job.Total)));
            }
        }
    }
}
