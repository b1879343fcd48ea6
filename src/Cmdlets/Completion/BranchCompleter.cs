namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of branches: those of the domain that is bound to -VM, else of all.</summary>
public sealed class BranchCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, string? vm) => engine.CompleteBranches(vm, elsewhere: false);
}
