namespace MomentTools.Operations.Backups.Retention;

/// <summary>A plan of a removal as results: one for each backup of the machine, in the order they were made.</summary>
internal static class RemovalRows
{
    /// <summary>What would be done; what survivors grow by is an estimate.</summary>
    public static async Task<IReadOnlyList<VMBackupPlan>> EstimateAsync(string root, BackupSurvey survey, RemovalChoice choice, RemovalPlan plan, CancellationToken cancellation)
    {
        Dictionary<string, long> growth = new(StringComparer.Ordinal);
        foreach (RewriteStep step in plan.Rewrites)
            growth.Add(step.Backup.Id, await RemovalEstimate.GrowthAsync(step, survey.Backups, cancellation));
        return Make(root, survey, choice, plan, survey.Backups, growth);
    }

    /// <summary>What was done.</summary>
    /// <param name="left">The backups that are left, as they are now.</param>
    public static IReadOnlyList<VMBackupPlan> Done(string root, BackupSurvey survey, RemovalChoice choice, RemovalPlan plan, IReadOnlyList<BackupManifest> left)
    {
        Dictionary<string, BackupManifest> now = left.ToDictionary(backup => backup.Id, StringComparer.Ordinal);
        return Make(
            root, survey, choice, plan, [.. survey.Backups.Select(backup => now.GetValueOrDefault(backup.Id, backup))],
            plan.Rewrites.ToDictionary(step => step.Backup.Id, step => Size(now[step.Backup.Id]) - Size(step.Backup), StringComparer.Ordinal));
    }

    private static IReadOnlyList<VMBackupPlan> Make(
        string root, BackupSurvey survey, RemovalChoice choice, RemovalPlan plan, IReadOnlyList<BackupManifest> backups, Dictionary<string, long> growth)
    {
        Dictionary<string, string> heirs = Heirs(survey.Backups, choice.Remove, plan);
        IEnumerable<VMBackupPlan> known = backups.Select(backup => new VMBackupPlan
        {
            VM = backup.Vm,
            BackupId = backup.Id,
            Created = backup.Created,
            Kind = backup.Kind,
            Keep = !choice.Remove.Contains(backup.Id),
            Rules = choice.Rules.GetValueOrDefault(backup.Id, []),
            Size = Size(backup),
            FreedBytes = choice.Remove.Contains(backup.Id) ? Size(backup) : -growth.GetValueOrDefault(backup.Id),
            MergedInto = heirs.GetValueOrDefault(backup.Id),
            Repository = root,
        });
        IEnumerable<VMBackupPlan> broken = choice.RemoveBroken.Select(one => new VMBackupPlan
        {
            VM = survey.Vm,
            BackupId = one.Id,
            Created = BackupId.TimeOf(one.Id)!.Value,
            Kind = VMBackupKind.Automatic,
            Keep = false,
            Size = one.Size,
            FreedBytes = one.Size,
            Repository = root,
        });
        return [.. known.Concat(broken).OrderBy(row => row.BackupId, StringComparer.Ordinal)];
    }

    // The oldest of those that take over what they need of it.
    private static Dictionary<string, string> Heirs(IReadOnlyList<BackupManifest> backups, IReadOnlySet<string> remove, RemovalPlan plan)
    {
        Dictionary<string, string> heirs = new(StringComparer.Ordinal);
        foreach (RewriteStep step in plan.Rewrites.Reverse())
            foreach (string disk in step.NewParents.Keys)
                foreach (BackupChain.Link link in BackupChain.Resolve(backups, step.Backup, disk).Links.Skip(1).TakeWhile(link => remove.Contains(link.Backup.Id)))
                    heirs.TryAdd(link.Backup.Id, step.Backup.Id);
        return heirs;
    }

    private static long Size(BackupManifest backup) => backup.Disks.Sum(disk => disk.FileSize);
}
