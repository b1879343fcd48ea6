namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the ids of backups that stand on others, which can be folded into them.</summary>
public sealed class StandingBackupIdCompleter : BackupIdCompleter
{
    private protected override IEnumerable<CompletionItem> Backups(MomentEngine engine, string repository, CompletionQuery query, CompletionLine line) =>
        engine.CompleteBackups(repository, query, standing: true);
}
