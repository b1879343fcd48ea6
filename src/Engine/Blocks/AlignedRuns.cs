using System.Runtime.CompilerServices;

namespace MomentTools.Blocks;

/// <summary>A reader's status told again in runs that a writer can take: data grown to whole blocks, zeroes in between.</summary>
internal static class AlignedRuns
{
    /// <param name="statuses">Runs in order and without gaps, from 0 to <paramref name="length"/>.</param>
    /// <param name="alignment">A power of two; only the last run may end elsewhere.</param>
    public static async IAsyncEnumerable<BlockStatus> OfAsync(
        IAsyncEnumerable<BlockStatus> statuses, int alignment, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        long told = 0, start = 0, end = 0;
        await foreach (BlockStatus status in statuses.WithCancellation(cancellation))
        {
            if (status.Kind != BlockKind.Data)
                continue;
            long from = status.Offset & -(long)alignment;
            long until = status.End > length - alignment ? length : (status.End + alignment - 1) & -(long)alignment;
            if (from <= end && end > start)
            {
                end = Math.Max(end, until);
                continue;
            }

            if (told < start)
                yield return new BlockStatus(told, start - told, BlockKind.Zero);
            if (start < end)
                yield return new BlockStatus(start, end - start, BlockKind.Data);
            told = end;
            (start, end) = (from, until);
        }

        if (told < start)
            yield return new BlockStatus(told, start - told, BlockKind.Zero);
        if (start < end)
            yield return new BlockStatus(start, end - start, BlockKind.Data);
        if (end < length)
            yield return new BlockStatus(end, length - end, BlockKind.Zero);
    }
}
