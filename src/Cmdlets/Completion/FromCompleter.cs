namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of moments that can be compared with the one that is bound to -To.</summary>
public sealed class FromCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteComparableMoments(query, line["To"], now: false);
}
