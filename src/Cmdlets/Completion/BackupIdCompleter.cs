using System.Management.Automation;

namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the ids of backups in the repository that is bound to -Repository, the newest first: those of the domains that are bound to -VM, else all.</summary>
public class BackupIdCompleter : NameCompleter
{
    private protected sealed override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        line["Repository"] is { Length: > 0 } repository ? Backups(engine, FullPath(repository), query, line) : [];

    private protected virtual IEnumerable<CompletionItem> Backups(MomentEngine engine, string repository, CompletionQuery query, CompletionLine line) =>
        engine.CompleteBackups(repository, query);

    // Relative to where the session is, as the command itself will take it.
    private static string FullPath(string path)
    {
        using var shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
        shell.AddScript("$ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($args[0])", useLocalScope: true).AddArgument(path);
        return shell.Invoke<string>()[0];
    }
}
