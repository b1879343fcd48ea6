namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of domains.</summary>
public sealed class DomainCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteDomains(query);
}
