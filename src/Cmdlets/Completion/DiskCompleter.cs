namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of disks.</summary>
public sealed class DiskCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteDisks(query);
}
