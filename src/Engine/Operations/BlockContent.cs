using MomentTools.Blocks;

namespace MomentTools.Operations;

/// <summary>
/// A disk's content that stands still, for users who read it run by run. One reader serves all streams; it is opened with the first, and
/// closed when neither a stream nor whoever hands the runs out holds it any more.
/// </summary>
/// <param name="open">Opens the reader, and fails where the content is not what it was.</param>
internal sealed class BlockContent(Func<CancellationToken, Task<IBlockReader>> open) : IBlockContent
{
    private readonly Lock _gate = new();
    private Task<IBlockReader>? _reader;
    private int _holds;

    public IDisposable Hold()
    {
        lock (_gate)
            _holds++;
        return new Held(this);
    }

    public Stream OpenRead(long offset, long length, bool isZero)
    {
        if (isZero)
            return new BlockStream(null, offset, length, null);
        IDisposable hold = Hold();
        Task<IBlockReader> reader;
        lock (_gate)
            reader = _reader ??= Task.Run(() => open(CancellationToken.None));
        try
        {
            return new BlockStream(reader.GetAwaiter().GetResult(), offset, length, hold);
        }
        catch
        {
            // The next one tries again.
            lock (_gate)
                _reader = _reader == reader ? null : _reader;
            hold.Dispose();
            throw;
        }
    }

    private void Release()
    {
        Task<IBlockReader>? last;
        lock (_gate)
        {
            if (--_holds > 0)
                return;
            (last, _reader) = (_reader, null);
        }

        // Whoever waited for it to open had a hold of its own.
        if (last is { IsCompletedSuccessfully: true })
            Task.Run(() => last.Result.DisposeAsync().AsTask()).GetAwaiter().GetResult();
    }

    private sealed class Held(BlockContent content) : IDisposable
    {
        private int _given;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _given, 1) == 0)
                content.Release();
        }
    }
}
