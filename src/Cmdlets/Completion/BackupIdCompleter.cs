using System.Collections;
using System.Management.Automation;

namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the ids of backups in the repository that is bound to -Repository, the newest first: those of the domain that is bound to -VM, else all.</summary>
public sealed class BackupIdCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, string? vm) => [];

    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, string? vm, IDictionary? bound) =>
        (bound?["Repository"] as string ?? (bound?["Repository"] as PSObject)?.BaseObject as string) is { Length: > 0 } repository
            ? engine.CompleteBackups(FullPath(repository), vm)
            : [];

    // Relative to where the session is, as the command itself will take it.
    private static string FullPath(string path)
    {
        using var shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
        shell.AddScript("$ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($args[0])", useLocalScope: true).AddArgument(path);
        return shell.Invoke<string>()[0];
    }
}
