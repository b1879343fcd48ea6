namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of snapshots: those of the domain that is bound to -VM, else of all.</summary>
public sealed class SnapshotCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, string? vm) => engine.CompleteSnapshots(vm);
}
