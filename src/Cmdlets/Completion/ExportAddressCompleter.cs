namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the addresses where block exports are served: those of the domain that is bound to -VM, else of all.</summary>
public sealed class ExportAddressCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, string? vm) => engine.CompleteExportAddresses(vm);
}
