namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of branches.</summary>
public sealed class BranchCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteBranches(query, elsewhere: false);
}
