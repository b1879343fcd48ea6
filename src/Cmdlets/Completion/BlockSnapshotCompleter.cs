namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of block snapshots.</summary>
public sealed class BlockSnapshotCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteBlockSnapshots(query);
}
