namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the addresses where block exports are served.</summary>
public sealed class ExportAddressCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteExportAddresses(query);
}
