namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the ids of backups in the repository that is bound to -Repository, the newest first: those of the domains that are bound to -VM, else all.</summary>
public class BackupIdCompleter : NameCompleter
{
    private protected sealed override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        line["Repository"] is { Length: > 0 } repository ? Backups(engine, CompletionLine.FullPath(repository), query, line) : [];

    private protected virtual IEnumerable<CompletionItem> Backups(MomentEngine engine, string repository, CompletionQuery query, CompletionLine line) =>
        engine.CompleteBackups(repository, query);
}
