using MomentTools.Moments;

namespace MomentTools.Operations.Snapshots;

/// <summary>
/// What a layer is once it is frozen: its length and the time of its last write, by which every later write is noticed. They are taken
/// when the file system's clock has ticked since, because two writes within one tick (10 ms at most where fractions of a second are told) have the same time.
/// </summary>
internal static class FrozenFacts
{
    private const long Second = 1_000_000_000;
    private static readonly TimeSpan FineTick = TimeSpan.FromMilliseconds(12), CoarseTick = TimeSpan.FromSeconds(2.1);

    /// <param name="steps">The disks.</param>
    /// <param name="frozen">When the transaction was over.</param>
    /// <returns>Of each disk the layers as they are now, the new one first.</returns>
    public static async Task<IReadOnlyDictionary<string, IReadOnlyList<SeenLayer>>> ReadAsync(IReadOnlyList<SnapshotStep> steps, long frozen)
    {
        await TickAsync(FineTick, frozen);
        IReadOnlyDictionary<string, IReadOnlyList<SeenLayer>> chains = await ReadAsync(steps);
        // A file system that tells no fractions of a second.
        if (!chains.Values.Any(chain => chain.ElementAtOrDefault(1)?.Facts?.Modified is { } time && time % Second == 0))
            return chains;
        await TickAsync(CoarseTick, frozen);
        return await ReadAsync(steps);
    }

    /// <summary>What is to be recorded of them, by layer.</summary>
    public static IReadOnlyDictionary<string, LayerFacts> ByLayer(IReadOnlyList<SnapshotStep> steps, IReadOnlyDictionary<string, IReadOnlyList<SeenLayer>> chains)
    {
        Dictionary<string, LayerFacts> facts = new(StringComparer.Ordinal);
        foreach (SnapshotStep step in steps)
        {
            if (chains[step.Disk].ElementAtOrDefault(0)?.Facts is { } overlay)
                facts[step.OverlayId] = overlay with { Length = null, Modified = null };
            if (chains[step.Disk].ElementAtOrDefault(1)?.Facts is { } below)
                facts[step.Base.Id] = below;
        }

        return facts;
    }

    private static async Task<IReadOnlyDictionary<string, IReadOnlyList<SeenLayer>>> ReadAsync(IReadOnlyList<SnapshotStep> steps)
    {
        Dictionary<string, IReadOnlyList<SeenLayer>> chains = new(StringComparer.Ordinal);
        foreach (SnapshotStep step in steps)
            chains[step.Disk] = await LayerReading.ChainAsync(step.Overlay.Path, OverlayFile.Format, CancellationToken.None);
        return chains;
    }

    private static async Task TickAsync(TimeSpan tick, long since)
    {
        TimeSpan left = tick - System.Diagnostics.Stopwatch.GetElapsedTime(since);
        if (left > TimeSpan.Zero)
            await Task.Delay(left, CancellationToken.None);
    }
}
