using System.Runtime.CompilerServices;

namespace MomentTools.Blocks;

/// <summary>A disk of which only some runs are of interest: the rest is told as not stored, and so is not read. It does not own the disk.</summary>
/// <param name="disk">The disk.</param>
/// <param name="mask">What is told as it is.</param>
internal sealed class MaskedReader(IBlockReader disk, ExtentMap mask) : IBlockReader
{
    public long Length => disk.Length;

    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation) => disk.ReadAsync(offset, buffer, cancellation);

    public async IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        BlockStatus pending = new(offset, 0, BlockKind.Unallocated);
        foreach (Extent run in mask.Intersect(ExtentMap.Of(new Extent(offset, length))))
        {
            if (run.Offset > pending.End)
            {
                if (pending.Kind == BlockKind.Unallocated)
                {
                    pending = pending with { Length = run.Offset - pending.Offset };
                }
                else
                {
                    yield return pending;
                    pending = new BlockStatus(pending.End, run.Offset - pending.End, BlockKind.Unallocated);
                }
            }

            await foreach (BlockStatus status in disk.StatusAsync(run.Offset, run.Length, cancellation))
            {
                if (status.Kind == pending.Kind)
                {
                    pending = pending with { Length = status.End - pending.Offset };
                    continue;
                }

                if (pending.Length > 0)
                    yield return pending;
                pending = status;
            }
        }

        long end = offset + length;
        if (pending.Kind == BlockKind.Unallocated)
        {
            pending = pending with { Length = end - pending.Offset };
        }
        else if (pending.End < end)
        {
            yield return pending;
            pending = new BlockStatus(pending.End, end - pending.End, BlockKind.Unallocated);
        }

        if (pending.Length > 0)
            yield return pending;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
