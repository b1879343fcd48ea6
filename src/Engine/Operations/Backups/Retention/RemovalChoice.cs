namespace MomentTools.Operations.Backups.Retention;

/// <summary>Which of a machine's backups go, and why the others stay.</summary>
/// <param name="Remove">The ids of those that go and whose manifests can be read.</param>
/// <param name="RemoveBroken">Those that go and whose manifests cannot be read.</param>
/// <param name="Rules">For the id of each that stays for a reason, the reasons.</param>
internal sealed record RemovalChoice(IReadOnlySet<string> Remove, IReadOnlyList<BrokenBackup> RemoveBroken, IReadOnlyDictionary<string, IReadOnlyList<string>> Rules)
{
    public static RemovalChoice Make(BackupSurvey survey, RemoveBackupRequest request)
    {
        var counts = new KeepCounts(request.KeepLast, request.KeepHourly, request.KeepDaily, request.KeepWeekly, request.KeepMonthly, request.KeepYearly);
        if (counts.Given == request.Ids.Count > 0)
            throw RetentionErrors.Unclear(survey.Vm, counts.Given ? "both ids and rules are given" : "neither ids nor rules are given");
        if (counts.Negative is { } negative)
            throw RetentionErrors.Unclear(survey.Vm, $"a rule cannot keep {negative} of them");
        return counts.Given ? ByRules(survey, counts, request.Zone ?? TimeZoneInfo.Local) : ByIds(survey, request.Ids, request.Merge);
    }

    // A rule counts and removes only what can be restored and belongs to the schedule. It never removes what is used or what a broken one needs.
    private static RemovalChoice ByRules(BackupSurvey survey, KeepCounts counts, TimeZoneInfo zone)
    {
        if (!counts.KeepsAny)
            throw RetentionErrors.NothingKept(survey.Vm);
        BackupManifest[] counted = [.. survey.Backups.Where(backup => backup.Kind != VMBackupKind.Copy && survey.Restores(backup))];
        Dictionary<string, IReadOnlyList<string>> rules = new(KeepRules.Choose([.. counted.Select(backup => (backup.Id, backup.Created))], counts, zone), StringComparer.Ordinal);
        KeepEveryDisk(counted, rules);
        HashSet<string> remove = new(StringComparer.Ordinal);
        foreach (BackupManifest backup in survey.Backups.Where(backup => !rules.ContainsKey(backup.Id)))
        {
            if (Held(survey, backup) is { } reason)
                rules.Add(backup.Id, [reason]);
            else
                remove.Add(backup.Id);
        }

        return new RemovalChoice(remove, [], rules);
    }

    // Not every backup has every disk. What is the last one of a disk is no less needed because another disk was backed up since.
    private static void KeepEveryDisk(BackupManifest[] counted, Dictionary<string, IReadOnlyList<string>> rules)
    {
        foreach (string disk in counted.SelectMany(backup => backup.Disks).Select(disk => disk.Name).Distinct(StringComparer.Ordinal).ToArray())
        {
            BackupManifest[] having = [.. counted.Where(backup => backup.FindDisk(disk) is not null)];
            if (!having.Any(backup => rules.ContainsKey(backup.Id)))
                rules.Add(having[^1].Id, [$"last of {disk}"]);
        }
    }

    private static string? Held(BackupSurvey survey, BackupManifest backup) =>
        survey.Faults.ContainsKey(backup.Id) ? "cannot be restored"
        : backup.Kind == VMBackupKind.Copy ? "copy"
        : survey.Uses.TryGetValue(backup.Id, out string? who) ? $"used by {who}"
        : survey.Broken.FirstOrDefault(broken => broken.MayStandOn(backup)) is { } broken ? $"needed by {broken.Id}"
        : RemovalPlan.On(survey.Backups, backup.Id).FirstOrDefault(above => !survey.Restores(above)) is { } above ? $"needed by {above.Id}"
        : null;

    private static RemovalChoice ByIds(BackupSurvey survey, IReadOnlyList<string> ids, bool merge)
    {
        HashSet<string> asked = new(ids, StringComparer.Ordinal);
        foreach (string id in asked)
            RequireKnown(survey, id);
        foreach (string id in asked)
        {
            if (survey.Uses.TryGetValue(id, out string? who))
                throw RetentionErrors.InUse(survey.Vm, id, who);
            RequireFree(survey, id, asked, merge);
        }

        HashSet<string> remove = [.. asked.Where(id => survey.Backups.Any(backup => backup.Id == id))];
        return new RemovalChoice(remove, [.. survey.Broken.Where(broken => asked.Contains(broken.Id))], new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal));
    }

    private static void RequireKnown(BackupSurvey survey, string id)
    {
        if (survey.Backups.Any(backup => backup.Id == id) || survey.Broken.Any(broken => broken.Id == id))
            return;
        throw BackupErrors.NotFound(
            BackupErrors.BackupNotFound, $"Cannot remove the backup '{id}' of '{survey.Vm}': there is none of this id.", id, survey.Backups.Select(backup => backup.Id).Reverse(), "newest backups");
    }

    private static void RequireFree(BackupSurvey survey, string id, HashSet<string> asked, bool merge)
    {
        BackupManifest? removed = survey.Backups.FirstOrDefault(backup => backup.Id == id);
        if (survey.Broken.FirstOrDefault(broken => !asked.Contains(broken.Id) && (removed is null ? broken.MayStandOn(id) : broken.MayStandOn(removed))) is { } broken)
            throw RetentionErrors.MayBeNeeded(survey.Vm, id, broken);
        BackupManifest[] above = [.. RemovalPlan.On(survey.Backups, id).Where(backup => !asked.Contains(backup.Id))];
        if (above.FirstOrDefault(backup => !survey.Restores(backup)) is { } faulty)
            throw RetentionErrors.NeededByFaulty(survey.Vm, id, faulty, survey.Faults[faulty.Id]);
        if (above.Length > 0 && !merge)
            throw RetentionErrors.Needed(survey.Vm, id, above);
    }
}
