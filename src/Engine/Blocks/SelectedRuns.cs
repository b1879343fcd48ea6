using System.Runtime.CompilerServices;

namespace MomentTools.Blocks;

/// <summary>The part of a disk's status that lies within a set of blocks.</summary>
internal static class SelectedRuns
{
    /// <param name="runs">Runs in order and without gaps.</param>
    /// <param name="blocks">What is wanted of them.</param>
    public static async IAsyncEnumerable<BlockStatus> OfAsync(IAsyncEnumerable<BlockStatus> runs, ExtentMap blocks, [EnumeratorCancellation] CancellationToken cancellation)
    {
        int next = 0;
        if (blocks.Count == 0)
            yield break;
        await foreach (BlockStatus run in runs.WithCancellation(cancellation))
        {
            while (blocks[next].Offset < run.End)
            {
                long start = Math.Max(run.Offset, blocks[next].Offset), end = Math.Min(run.End, blocks[next].End);
                if (start < end)
                    yield return run with { Offset = start, Length = end - start };
                if (blocks[next].End > run.End)
                    break;
                if (++next == blocks.Count)
                    yield break;
            }
        }
    }
}
