namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of bitmaps that belong to no moment: on the disks that are bound to -Disk, or on all.</summary>
public class BitmapCompleter : NameCompleter
{
    /// <summary>Whether only those are meant that can become checkpoints.</summary>
    private protected virtual bool Adoptable => false;

    private protected sealed override IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line) =>
        engine.CompleteBitmaps(query, line.Names("Disk"), Adoptable);
}
