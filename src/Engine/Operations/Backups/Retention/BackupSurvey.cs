using MomentTools.Errors;

namespace MomentTools.Operations.Backups.Retention;

/// <summary>All that a removal has to know of a machine's backups before it may decide.</summary>
/// <param name="Vm">The machine's name.</param>
/// <param name="Backups">Those whose manifests can be read, in the order they were made.</param>
/// <param name="Broken">The others.</param>
/// <param name="Faults">For each readable one that cannot be restored, why, as a part of a sentence.</param>
/// <param name="Uses">For each that somebody uses, who, as a part of a sentence.</param>
internal sealed record BackupSurvey(
    string Vm, IReadOnlyList<BackupManifest> Backups, IReadOnlyList<BrokenBackup> Broken, IReadOnlyDictionary<string, string> Faults, IReadOnlyDictionary<string, string> Uses)
{
    public static async Task<BackupSurvey> MakeAsync(BackupRepository repository, string domainDirectory, BackupUse use, IOperationReport report, CancellationToken cancellation)
    {
        List<MomentException> failures = [];
        IReadOnlyList<BackupManifest> backups = repository.Backups(domainDirectory, failures.Add);
        List<BrokenBackup> broken = [];
        foreach (MomentException failure in failures)
            broken.Add(await BrokenBackup.LookAsync(failure, cancellation));
        Dictionary<string, string> faults = new(StringComparer.Ordinal);
        Dictionary<string, string?> files = new(StringComparer.Ordinal);
        foreach (BackupManifest backup in backups)
            if (Fault(backups, backup, files) is { } fault)
                faults.Add(backup.Id, fault);
        string name = backups.Count > 0 ? backups[^1].Vm : Path.GetFileName(domainDirectory);
        return new BackupSurvey(name, backups, broken, faults, await use.FindAsync(repository.Root, domainDirectory, report, cancellation));
    }

    /// <summary>Whether a backup can be restored, as far as manifests and the lengths of files tell.</summary>
    public bool Restores(BackupManifest backup) => !Faults.ContainsKey(backup.Id);

    private static string? Fault(IReadOnlyList<BackupManifest> backups, BackupManifest backup, Dictionary<string, string?> files)
    {
        try
        {
            foreach (BackupManifestDisk disk in backup.Disks)
            {
                foreach (BackupChain.Link link in BackupChain.Resolve(backups, backup, disk.Name).Links)
                {
                    if (!files.TryGetValue(link.Path, out string? fault))
                        files.Add(link.Path, fault = Fault(link));
                    if (fault is not null)
                        return fault;
                }
            }

            return null;
        }
        catch (MomentException failure) when (failure.ErrorId == BackupErrors.BackupChainBroken)
        {
            return failure.Message.TrimEnd('.');
        }
    }

    private static string? Fault(BackupChain.Link link)
    {
        var file = new FileInfo(link.Path);
        return !file.Exists ? $"'{link.Path}' is missing" : file.Length != link.Disk.FileSize ? $"'{link.Path}' has {file.Length} bytes where its manifest says {link.Disk.FileSize}" : null;
    }
}
