namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of moments that can be compared with the one that is bound to -From.</summary>
public sealed class ToCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteComparableMoments(query, line["From"], now: false);
}
