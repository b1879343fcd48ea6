namespace MomentTools.Operations;

/// <summary>The image files that a disk stands on, as they are now.</summary>
/// <param name="Layers">The active one first.</param>
/// <param name="OpenedAfter">
/// When the program that has the disk open started, in nanoseconds since 1970: what happened to a file later, that program may see at any
/// time, or only when it starts again. 0 where that is not known; null where nobody has it open.
/// </param>
internal sealed record SeenChain(IReadOnlyList<SeenLayer> Layers, long? OpenedAfter = null)
{
    /// <summary>
    /// Whether whoever reads the disk reads this layer as its file is now. Its time of writing does not tell: who copies into a file may give it
    /// an older one.
    /// </summary>
    public bool IsReadAsItIs(SeenLayer layer) => OpenedAfter is not { } opened || layer.Placed is > 0 and var then && then < opened;
}
