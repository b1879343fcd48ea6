using System.Buffers;
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace MomentTools.Blocks;

/// <summary>
/// Finds where two disks differ. What is zero on both is not read; several pieces are read at once, each from both sides together. The
/// memory is that of the pieces under way and of the answer, however large the disks are.
/// </summary>
/// <param name="left">One disk; nobody may write to it meanwhile.</param>
/// <param name="right">The other, of the same length.</param>
/// <param name="granularity">Bytes of the granules that are told apart, a power of two; the last one ends with the disk.</param>
internal sealed class BlockComparison(IBlockReader left, IBlockReader right, long granularity)
{
    private const int Workers = 4;
    private const int SmallestPiece = 1 << 20;

    private readonly int _granularity = checked((int)granularity);
    private readonly int _pieceLength = (int)Math.Max(SmallestPiece, granularity);
    private readonly Lock _gate = new();
    private long _done;

    /// <summary>Compares everything. A failure or a cancellation ends once no request uses a buffer any more.</summary>
    /// <param name="progress">Told how many bytes of the disk are done; never less than before.</param>
    /// <returns>The granules that differ.</returns>
    public async Task<ExtentMap> RunAsync(IProgress<long>? progress, CancellationToken cancellation)
    {
        if (left.Length != right.Length)
            throw BlockErrors.LengthsDiffer(left.Length, right.Length);
        ExtentMap found = ExtentMap.Empty;
        await BlockPieces.ShareAsync(
            RunsAsync, _pieceLength, Workers,
            async (pieces, token) =>
            {
                ExtentMap part = await CompareAsync(pieces, progress, token);
                lock (_gate)
                    found = found.Union(part);
            },
            cancellation);
        return found;
    }

    // Each worker gets its pieces in order, so each has an ordered part of the answer.
    private async Task<ExtentMap> CompareAsync(BlockPieces pieces, IProgress<long>? progress, CancellationToken cancellation)
    {
        var differing = new ExtentMapBuilder();
        byte[] one = ArrayPool<byte>.Shared.Rent(_pieceLength), other = ArrayPool<byte>.Shared.Rent(_pieceLength);
        try
        {
            while (await pieces.NextAsync(cancellation) is { } piece)
            {
                if (piece.Kind == BlockKind.Data)
                {
                    Memory<byte> ours = one.AsMemory(0, (int)piece.Length), theirs = other.AsMemory(0, (int)piece.Length);
                    await ReadBothAsync(piece.Offset, ours, theirs, cancellation);
                    Compare(piece.Offset, ours.Span, theirs.Span, differing);
                }

                lock (_gate)
                {
                    _done += piece.Length;
                    progress?.Report(_done);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(one);
            ArrayPool<byte>.Shared.Return(other);
        }

        return differing.Build();
    }

    private async Task ReadBothAsync(long offset, Memory<byte> ours, Memory<byte> theirs, CancellationToken cancellation)
    {
        Task one = left.ReadAsync(offset, ours, cancellation).AsTask();
        try
        {
            await right.ReadAsync(offset, theirs, cancellation);
        }
        finally
        {
            // The buffer is given back only when nobody fills it any more.
            await one;
        }
    }

    private void Compare(long offset, ReadOnlySpan<byte> ours, ReadOnlySpan<byte> theirs, ExtentMapBuilder differing)
    {
        for (int at = 0; at < ours.Length; at += _granularity)
        {
            int count = Math.Min(_granularity, ours.Length - at);
            if (!ours.Slice(at, count).SequenceEqual(theirs.Slice(at, count)))
                differing.Add(offset + at, count);
        }
    }

    // Whole granules: data where either disk has some.
    private async IAsyncEnumerable<BlockStatus> RunsAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        long length = left.Length, at = 0;
        await using IAsyncEnumerator<BlockStatus> ours = Aligned(left, cancellation), theirs = Aligned(right, cancellation);
        BlockStatus one = default, other = default;
        while (at < length)
        {
            if (one.End <= at)
                one = await NextAsync(ours);
            if (other.End <= at)
                other = await NextAsync(theirs);
            long end = Math.Min(one.End, other.End);
            yield return new BlockStatus(at, end - at, one.Kind == BlockKind.Data || other.Kind == BlockKind.Data ? BlockKind.Data : BlockKind.Zero);
            at = end;
        }
    }

    private IAsyncEnumerator<BlockStatus> Aligned(IBlockReader disk, CancellationToken cancellation) =>
        AlignedRuns.OfAsync(disk.StatusAsync(0, disk.Length, cancellation), _granularity, disk.Length, cancellation).GetAsyncEnumerator(cancellation);

    // Aligned runs reach to the disk's end, always.
    private static async ValueTask<BlockStatus> NextAsync(IAsyncEnumerator<BlockStatus> runs) =>
        await runs.MoveNextAsync() ? runs.Current : throw new UnreachableException();
}
