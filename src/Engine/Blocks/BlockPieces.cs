namespace MomentTools.Blocks;

/// <summary>Runs cut into pieces, handed out one at a time to whoever asks first.</summary>
internal sealed class BlockPieces(IAsyncEnumerator<BlockStatus> runs, int pieceLength) : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private BlockStatus _rest;
    private bool _ended;

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
