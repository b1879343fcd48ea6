using System.Runtime.ExceptionServices;

namespace MomentTools.Blocks;

/// <summary>Runs cut into pieces, handed out one at a time to whoever asks first.</summary>
internal sealed class BlockPieces(IAsyncEnumerator<BlockStatus> runs, int pieceLength) : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private BlockStatus _rest;
    private bool _ended;

    /// <summary>Lets several workers take pieces until there are none. The first failure stops the others, and is thrown once all have ended.</summary>
    /// <param name="runs">The runs; the token is cancelled with the first failure.</param>
    /// <param name="pieceLength">Bytes of a piece, a power of two.</param>
    /// <param name="workers">How many work at once.</param>
    /// <param name="work">Takes pieces to the last one.</param>
    /// <param name="cancellation">Stops all.</param>
    public static async Task ShareAsync(
        Func<CancellationToken, IAsyncEnumerable<BlockStatus>> runs, int pieceLength, int workers, Func<BlockPieces, CancellationToken, Task> work, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await using var pieces = new BlockPieces(runs(stop.Token).GetAsyncEnumerator(stop.Token), pieceLength);
        Exception? first = null;
        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(async () =>
        {
            try
            {
                await work(pieces, stop.Token);
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

    /// <summary>The next piece, or null behind the last one. Pieces of data end where multiples of the piece's length are.</summary>
    public async ValueTask<BlockStatus?> NextAsync(CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            if (_rest.Length == 0)
            {
                if (_ended || !await runs.MoveNextAsync())
                {
                    _ended = true;
                    return null;
                }

                _rest = runs.Current;
            }

            long end = _rest.Kind == BlockKind.Data ? Math.Min(_rest.End, (_rest.Offset & -(long)pieceLength) + pieceLength) : _rest.End;
            BlockStatus piece = _rest with { Length = end - _rest.Offset };
            _rest = new BlockStatus(end, _rest.End - end, _rest.Kind);
            return piece;
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await runs.DisposeAsync();
        _turn.Dispose();
    }
}
