namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the ids of backups that the one bound to -Id stands on.</summary>
public sealed class BackupBeneathIdCompleter : BackupIdCompleter
{
    private protected override IEnumerable<CompletionItem> Backups(MomentEngine engine, string repository, CompletionQuery query, CompletionLine line) =>
        engine.CompleteBackups(repository, query, beneath: line["Id"]);
}
