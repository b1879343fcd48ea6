namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of block exports: those of the domain that is bound to -VM, else of all.</summary>
public sealed class ExportNameCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, string? vm) => engine.CompleteExportNames(vm);
}
