namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of block exports.</summary>
public sealed class ExportNameCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteExportNames(query);
}
