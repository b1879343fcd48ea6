namespace MomentTools.Operations.Backups.Retention;

/// <summary>
/// How backups go so that all others stay restorable: first the survivors that stand on them get new files, one after the other, then the backups
/// go, leaves first. A rewritten backup shows what it showed before, so that after any of these steps every survivor restores.
/// </summary>
/// <param name="Remove">The backups that go, in the order of their going.</param>
/// <param name="Rewrites">The survivors that get new files, in that order; none where nobody stands on what goes.</param>
internal sealed record RemovalPlan(IReadOnlyList<BackupManifest> Remove, IReadOnlyList<RewriteStep> Rewrites)
{
    /// <summary>Plans the end of some of a machine's backups.</summary>
    /// <param name="backups">All that can be read, in the order they were made.</param>
    /// <param name="remove">The ids of those that go; others than these are not touched but for what stands on them.</param>
    /// <exception cref="Errors.MomentException">A survivor stands on one of them and cannot be read to its end: <c>BackupChainBroken</c>.</exception>
    public static RemovalPlan Make(IReadOnlyList<BackupManifest> backups, IReadOnlySet<string> remove)
    {
        Dictionary<string, Dictionary<string, string?>> parents = new(StringComparer.Ordinal);
        foreach (string disk in backups.SelectMany(backup => backup.Disks).Select(disk => disk.Name).Distinct(StringComparer.Ordinal))
        {
            // The first of several survivors that have nothing beneath them but what goes becomes full; the others then stand on it.
            Dictionary<string, string> heirs = new(StringComparer.Ordinal);
            foreach (BackupManifest backup in backups)
            {
                if (remove.Contains(backup.Id) || backup.FindDisk(disk) is not { ParentId: { } parent } || !remove.Contains(parent))
                    continue;
                IReadOnlyList<BackupChain.Link> links = BackupChain.Resolve(backups, backup, disk).Links;
                string? heir = links.Skip(1).FirstOrDefault(link => !remove.Contains(link.Backup.Id))?.Backup.Id
                    ?? heirs.GetValueOrDefault(links[^1].Backup.Id);
                if (heir is null)
                    heirs.Add(links[^1].Backup.Id, backup.Id);
                if (!parents.TryGetValue(backup.Id, out Dictionary<string, string?>? changes))
                    parents.Add(backup.Id, changes = new Dictionary<string, string?>(StringComparer.Ordinal));
                changes.Add(disk, heir);
            }
        }

        // The newest first: who comes to stand on a sibling is rewritten while both still stand on the same, and so stores what differs only.
        RewriteStep[] rewrites = [.. backups.Where(backup => parents.ContainsKey(backup.Id)).Reverse().Select(backup => new RewriteStep(backup, parents[backup.Id]))];
        return new RemovalPlan(LeavesFirst([.. backups.Where(backup => remove.Contains(backup.Id))]), rewrites);
    }

    /// <summary>The backups that stand directly on another, on any disk.</summary>
    public static IEnumerable<BackupManifest> On(IEnumerable<BackupManifest> backups, string id) =>
        backups.Where(backup => backup.Disks.Any(disk => disk.ParentId == id));

    private static List<BackupManifest> LeavesFirst(IReadOnlyList<BackupManifest> backups)
    {
        List<BackupManifest> left = [.. backups.Reverse()], ordered = [];
        while (left.Count > 0)
        {
            // Manifests that stand on each other on different disks have no leaf; then the newest is as good as any.
            BackupManifest next = left.Find(one => !On(left, one.Id).Any(other => other.Id != one.Id)) ?? left[0];
            left.Remove(next);
            ordered.Add(next);
        }

        return ordered;
    }
}
