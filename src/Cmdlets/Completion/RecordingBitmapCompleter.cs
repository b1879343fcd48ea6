namespace MomentTools.Cmdlets.Completion;

/// <summary>Completes the names of bitmaps that belong to no moment and record, which can become checkpoints.</summary>
public sealed class RecordingBitmapCompleter : BitmapCompleter
{
    private protected override bool Adoptable => true;
}
