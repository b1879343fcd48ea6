using MomentTools.Errors;

namespace MomentTools.Operations.Backups;

/// <summary>The backup and the disks of it that a restore means, with the files that each needs.</summary>
internal sealed record BackupSelection(BackupManifest Backup, IReadOnlyList<BackupChain> Chains)
{
    public IReadOnlyList<string> Disks => [.. Chains.Select(chain => chain.Top.Disk.Name)];

    /// <summary>Finds the backup by its id, by a time that it is not behind, or as the newest; with disks, the newest that has them.</summary>
    public static BackupSelection Choose(BackupRepository repository, string domainDirectory, RestoreBackupRequest request, IOperationReport report)
    {
        List<MomentException> broken = [];
        IReadOnlyList<BackupManifest> backups = repository.Backups(domainDirectory, broken.Add);
        BackupManifest backup = request.Id is { } id ? Find(domainDirectory, backups, broken, id) : Newest(domainDirectory, backups, broken, request);
        foreach (MomentException one in broken)
            report.Verbose(one.Message);
        string[] names = request.Disks.Count == 0
            ? [.. backup.Disks.Select(disk => disk.Name)]
            : [.. request.Disks.Distinct(StringComparer.Ordinal)];
        return new BackupSelection(backup, [.. names.Select(name => BackupChain.Resolve(backups, backup, name))]);
    }

    // Where the newest cannot be read, giving an older one in its place would be a silent loss.
    private static BackupManifest Newest(string domainDirectory, IReadOnlyList<BackupManifest> all, List<MomentException> broken, RestoreBackupRequest request)
    {
        // The clock may have been set back: by the instant, then by the order in which they were made.
        BackupManifest[] backups = [.. all.Where(backup => backup.Created <= (request.Until ?? DateTimeOffset.MaxValue)).OrderBy(backup => request.Until is null ? default : backup.Created).ThenBy(backup => backup.Id, StringComparer.Ordinal)];
        BackupManifest? newest = backups.LastOrDefault(backup => request.Disks.All(disk => backup.FindDisk(disk) is not null)) ?? backups.LastOrDefault();
        MomentException? newer = broken.Find(one => (newest is null || string.CompareOrdinal(IdOf(one), newest.Id) > 0) && (request.Until is null || BackupId.TimeOf(IdOf(one)) <= request.Until));
        if (newer is not null)
        {
            throw new MomentException(
                BackupErrors.BackupNewestBroken, $"The newest backup in '{domainDirectory}'{(request.Until is null ? "" : " of that time")} cannot be used: {newer.Message}", domainDirectory,
                newest is null ? "Get it back from a copy of the repository." : $"The newest one that can be read is '{newest.Id}': give that id to restore it.", newer);
        }

        if (newest is null && request.Until is { } until && all.MinBy(backup => backup.Created) is { } first)
            throw BackupErrors.NoneBefore(first, until);
        return newest ?? throw BackupErrors.NotFound(BackupErrors.BackupNotFound, $"There are no backups in '{domainDirectory}'.", domainDirectory, [], "backups");
    }

    private static BackupManifest Find(string domainDirectory, IReadOnlyList<BackupManifest> backups, List<MomentException> broken, string id) =>
        backups.FirstOrDefault(backup => backup.Id == id)
        ?? throw broken.Find(one => IdOf(one) == id)
        ?? throw BackupErrors.NotFound(
            BackupErrors.BackupNotFound, $"There is no backup '{id}' in '{domainDirectory}'.", id, backups.Select(backup => backup.Id).Reverse(), "newest backups");

    // A broken manifest is told by its path, DOMAIN/ID/manifest.json.
    public static string? IdOf(MomentException broken) => Path.GetFileName(Path.GetDirectoryName(broken.Target));
}
