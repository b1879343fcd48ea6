namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of moments: of both kinds, or of checkpoints where the command is one for those.</summary>
public sealed class MomentCompleter : NameCompleter
{
    private protected override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteMoments(line.Command.EndsWith("VMCheckpoint", StringComparison.OrdinalIgnoreCase) ? query with { Kind = "Checkpoint" } : query);
}
