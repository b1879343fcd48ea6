namespace MomentTools.Operations.Backups.Retention;

/// <summary>Merge-VMBackup: the backups that lie between one and another it stands on, on any of its disks, go; what is needed of them is folded into it.</summary>
internal static class FoldedBackups
{
    public static RemovalChoice Choose(BackupSurvey survey, MergeBackupRequest request)
    {
        BackupManifest backup = survey.Backups.FirstOrDefault(one => one.Id == request.Id)
            ?? throw survey.Broken.FirstOrDefault(broken => broken.Id == request.Id)?.Failure
            ?? BackupErrors.NotFound(
                BackupErrors.BackupNotFound, $"Cannot fold backups of '{survey.Vm}' into '{request.Id}': there is none of this id.", request.Id, survey.Backups.Select(one => one.Id).Reverse(), "newest backups");
        HashSet<string> beneath = new(StringComparer.Ordinal);
        foreach (BackupManifestDisk disk in backup.Disks)
            beneath.UnionWith(BackupChain.Resolve(survey.Backups, backup, disk.Name).Links.Skip(1).Select(link => link.Backup.Id));
        if (request.Since is { } since && !beneath.Contains(since))
            throw RetentionErrors.NotBeneath(survey.Vm, backup.Id, since, beneath);
        // A run that was interrupted may have folded some into it and not removed them yet.
        beneath.UnionWith((backup.Folded ?? []).Where(id => survey.Backups.Any(one => one.Id == id)));
        // Ids sort by time, and nothing stands on what is newer; so that a disk which the oldest one does not have keeps nothing newer than it.
        string[] folded = [.. beneath.Where(id => string.CompareOrdinal(id, request.Since) > 0)];
        return folded.Length == 0
            ? new RemovalChoice(new HashSet<string>(StringComparer.Ordinal), [], new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal))
            : RemovalChoice.Make(survey, new RemoveBackupRequest { Repository = request.Repository, Ids = folded, Merge = true });
    }
}
