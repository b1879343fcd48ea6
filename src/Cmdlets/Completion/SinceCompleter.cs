namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of moments from which it can be told what changed until now.</summary>
public sealed class SinceCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteComparableMoments(query, null, now: true);
}
