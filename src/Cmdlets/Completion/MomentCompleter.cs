namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of moments: those of the domain that is bound to -VM, else of all.</summary>
public sealed class MomentCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, string? vm) => engine.CompleteMoments(vm);
}
