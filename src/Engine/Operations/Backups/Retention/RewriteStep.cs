namespace MomentTools.Operations.Backups.Retention;

/// <summary>A backup that gets new files, with the same content, because what it stands on goes.</summary>
/// <param name="Backup">The backup as it is.</param>
/// <param name="NewParents">For each disk that changes: the id of the backup that its file stands on afterwards, or null where it becomes full.</param>
internal sealed record RewriteStep(BackupManifest Backup, IReadOnlyDictionary<string, string?> NewParents);
