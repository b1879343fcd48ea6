namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the ids of what Undo-VMSnapshot can bring back, the last first.</summary>
public sealed class KeptCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteKept(query);
}
