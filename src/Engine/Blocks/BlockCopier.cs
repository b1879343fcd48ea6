using System.Buffers;

namespace MomentTools.Blocks;

/// <summary>
/// Copies a disk: many requests are under way at once, zeroes are not read, and neither sent nor stored where the target can be told
/// of them. The memory is that of the pieces under way, however large the disk is.
/// </summary>
/// <param name="source">The disk that is read; nobody may write to it meanwhile.</param>
/// <param name="target">The disk that is written, at least as large. What lies behind the source's end is not touched.</param>
internal sealed class BlockCopier(IBlockReader source, IBlockWriter target, BlockCopyOptions options)
{
    private readonly Lock _gate = new();
    private long _data;
    private long _zeroes;

    /// <summary>
    /// Copies everything. A failure or a cancellation ends once no request uses a buffer any more; how far the copy came is then not known.
    /// </summary>
    /// <param name="progress">Told how many bytes of the disk are done, data and zeroes; never less than before.</param>
    public async Task<BlockCopyResult> RunAsync(IProgress<long>? progress, CancellationToken cancellation)
    {
        if (target.Length < source.Length)
            throw BlockErrors.TargetTooSmall(source.Length, target.Length);
        if (target.Length > source.Length && source.Length % target.Alignment != 0)
            throw BlockErrors.TargetMisaligned(source.Length, target.Length, target.Alignment);
        await BlockPieces.ShareAsync(Runs, options.PieceLength, options.Requests, (pieces, token) => CopyAsync(pieces, progress, token), cancellation);
        if (options.Flush)
            await target.FlushAsync(cancellation);
        return new BlockCopyResult(_data, _zeroes);
    }

    private IAsyncEnumerable<BlockStatus> Runs(CancellationToken cancellation)
    {
        IAsyncEnumerable<BlockStatus> runs = AlignedRuns.OfAsync(source.StatusAsync(0, source.Length, cancellation), target.Alignment, source.Length, cancellation);
        return options.Blocks is { } blocks ? SelectedRuns.OfAsync(runs, blocks, cancellation) : runs;
    }

    private async Task CopyAsync(BlockPieces pieces, IProgress<long>? progress, CancellationToken cancellation)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(options.PieceLength);
        try
        {
            while (await pieces.NextAsync(cancellation) is { } piece)
            {
                long zeroes = piece.Length;
                if (piece.Kind == BlockKind.Data)
                {
                    Memory<byte> bytes = buffer.AsMemory(0, (int)piece.Length);
                    await source.ReadAsync(piece.Offset, bytes, cancellation);
                    zeroes = await WriteAsync(piece.Offset, bytes, cancellation);
                }
                else
                {
                    await ZeroAsync(piece.Offset, piece.Length, cancellation);
                }

                Count(piece.Length - zeroes, zeroes, progress);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Gives how many of the bytes were zeroes, and written as such.
    private async ValueTask<long> WriteAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        if (options.ZeroGrain == 0)
        {
            await target.WriteAsync(offset, bytes, cancellation);
            return 0;
        }

        long zeroes = 0;
        for (int at = 0; at < bytes.Length;)
        {
            (int length, bool zero) = Run(bytes.Span[at..], offset + at, options.ZeroGrain);
            if (zero)
            {
                await ZeroAsync(offset + at, length, cancellation);
                zeroes += length;
            }
            else
            {
                await target.WriteAsync(offset + at, bytes.Slice(at, length), cancellation);
            }

            at += length;
        }

        return zeroes;
    }

    private ValueTask ZeroAsync(long offset, long length, CancellationToken cancellation) =>
        options.TargetIsZero ? ValueTask.CompletedTask : target.ZeroAsync(offset, length, cancellation);

    // How far the bytes are of one kind, grain by grain; grains begin at multiples of their length on the disk.
    private static (int Length, bool Zero) Run(ReadOnlySpan<byte> bytes, long offset, int grain)
    {
        int end = Math.Min(bytes.Length, (int)(grain - (offset & (grain - 1))));
        bool zero = IsZero(bytes[..end]);
        while (end < bytes.Length && IsZero(bytes.Slice(end, Math.Min(grain, bytes.Length - end))) == zero)
            end = Math.Min(bytes.Length, end + grain);
        return (end, zero);
    }

    private static bool IsZero(ReadOnlySpan<byte> bytes) => bytes.IndexOfAnyExcept((byte)0) < 0;

    private void Count(long data, long zeroes, IProgress<long>? progress)
    {
        lock (_gate)
        {
            _data += data;
            _zeroes += zeroes;
            progress?.Report(_data + _zeroes);
        }
    }
}
