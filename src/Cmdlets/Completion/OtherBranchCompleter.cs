namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of branches that the machine is not on: those that can be gone to, or removed.</summary>
public sealed class OtherBranchCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteBranches(query, elsewhere: true);
}
