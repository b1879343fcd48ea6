using System.Runtime.InteropServices;
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

    /// <summary>A reader of its own, for who reads at many places at once; the caller closes it.</summary>
    public Task<IBlockReader> OpenReaderAsync(CancellationToken cancellation) => open(cancellation);

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

    private Task ReleaseAsync()
    {
        Task<IBlockReader>? last;
        lock (_gate)
        {
            if (--_holds > 0)
                return Task.CompletedTask;
            (last, _reader) = (_reader, null);
        }

        // Whoever waited for it to open had a hold of its own.
        return last is { IsCompletedSuccessfully: true } ? Task.Run(() => last.Result.DisposeAsync().AsTask()) : Task.CompletedTask;
    }

    /// <summary>
    /// Its end closes the reader with the last; also where it was only forgotten, as a stream is that nobody disposes. Until then it keeps
    /// the content from the collector: a reader is closed in its order, or it may harm the one who serves it.
    /// </summary>
    private sealed class Held : SafeHandle
    {
        private Task _end = Task.CompletedTask;

        public Held(BlockContent content)
            : base(IntPtr.Zero, ownsHandle: true) => SetHandle(GCHandle.ToIntPtr(GCHandle.Alloc(content)));

        public override bool IsInvalid => handle == IntPtr.Zero;

        protected override bool ReleaseHandle()
        {
            _end = EndAsync(GCHandle.FromIntPtr(handle));
            return true;
        }

        // The collector waits for nothing.
        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            if (disposing)
                _end.GetAwaiter().GetResult();
        }

        private static async Task EndAsync(GCHandle content)
        {
            try
            {
                await ((BlockContent)content.Target!).ReleaseAsync();
            }
            finally
            {
                content.Free();
            }
        }
    }
}
