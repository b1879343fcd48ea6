namespace MomentTools.Cmdlets.Completion;

/// <summary>
/// Completes the names of disks that backups have: those given as objects; those of the repository that is bound to -Repository, by -Id, else the
/// newest, or all where the command takes all or another one by its time. Where no backup is named it is the disks of the domains.
/// </summary>
public sealed class BackupDiskCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line)
    {
        if (line["Repository"] is { Length: > 0 } repository)
        {
            bool newest = !line.Command.StartsWith("Test-", StringComparison.OrdinalIgnoreCase) && !line.Has("Until");
            return engine.CompleteBackupDisks(CompletionLine.FullPath(repository), query, line.Names("Id"), newest);
        }

        VMBackup[] given = [.. line.Objects<VMBackup>("InputObject")];
        return given.Length == 0 ? engine.CompleteDisks(query) : given.SelectMany(backup => Disks(backup, query)).DistinctBy(item => item.Text, StringComparer.Ordinal);
    }

    private static IEnumerable<CompletionItem> Disks(VMBackup backup, CompletionQuery query) => backup.Disks
        .Where(disk => query.Wanted(disk.Name) && !query.Without.Contains(disk.Name, StringComparer.Ordinal))
        .Select(disk => new CompletionItem(disk.Name, $"disk in {backup.Id}, a backup of {backup.VM}"));
}
