using System.Buffers;
using System.Runtime.ExceptionServices;

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
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        IAsyncEnumerable<BlockStatus> runs = AlignedRuns.OfAsync(source.StatusAsync(0, source.Length, stop.Token), target.Alignment, source.Length, stop.Token);
        await using (var pieces = new BlockPieces(runs.GetAsyncEnumerator(stop.Token), options.PieceLength))
        {
            Exception? first = null;
            await Task.WhenAll(Enumerable.Range(0, options.Requests).Select(_ => Task.Run(async () =>
            {
                try
                {
                    await CopyAsync(pieces, progress, stop.Token);
                }
                catch (Exception failure)
                {
                    // The others end because of it: theirs is no news.
                    Interlocked.CompareExchange(ref first, failure, null);
                    await stop.CancelAsync();
                }
            }, CancellationToken.None)));
            cancellation.ThrowIfCancellationRequested();
            if (first is not null)
                ExceptionDispatchInfo.Throw(first);
        }

        if (options.Flush)
            await target.FlushAsync(cancellation);
        return new BlockCopyResult(_data, _zeroes);
    }

    private async Task CopyAsync(BlockPieces pieces, IProgress<long>? progress, CancellationToken cancellation)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(options.PieceLength);
        try
        {
            while (await pieces.NextAsync(cancellation) is { } piece)
            {
                if (piece.Kind == BlockKind.Data)
                {
                    Memory<byte> bytes = buffer.AsMemory(0, (int)piece.Length);
                    await source.ReadAsync(piece.Offset, bytes, cancellation);
                    await target.WriteAsync(piece.Offset, bytes, cancellation);
                }
                else if (!options.TargetIsZero)
                {
                    await target.ZeroAsync(piece.Offset, piece.Length, cancellation);
                }

                Count(piece, progress);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Count(BlockStatus piece, IProgress<long>? progress)
    {
        lock (_gate)
        {
            if (piece.Kind == BlockKind.Data)
                _data += piece.Length;
            else
                _zeroes += piece.Length;
            progress?.Report(_data + _zeroes);
        }
    }
}
