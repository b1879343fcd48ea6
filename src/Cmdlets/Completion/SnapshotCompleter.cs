namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of snapshots; for Merge-VMSnapshot those that the layers above can be merged into.</summary>
public sealed class SnapshotCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        line.Command.StartsWith("Merge-", StringComparison.OrdinalIgnoreCase)
            ? engine.CompleteMergeableSnapshots(query with { Kind = "Snapshot" })
            : engine.CompleteMoments(query with { Kind = "Snapshot" });
}
