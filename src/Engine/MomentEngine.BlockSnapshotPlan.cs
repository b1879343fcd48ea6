namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>Names of block snapshots for completion, from local files alone; never throws.</summary>
    /// <param name="vm">The machine, or null for the block snapshots of all.</param>
    public IReadOnlyList<CompletionItem> CompleteBlockSnapshots(string? vm) =>
        _completion.BlockSnapshots(vm);
}
