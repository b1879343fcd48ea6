using MomentTools.Blocks;

namespace MomentTools.Operations;

/// <summary>A run of a disk as a stream: what it holds is read when it is asked for, and no more of it than that.</summary>
/// <param name="reader">The disk; null where the run is known to read as zeroes.</param>
/// <param name="offset">Where the run begins on it, in bytes.</param>
/// <param name="length">How long it is, in bytes.</param>
/// <param name="hold">Given back when the stream is closed.</param>
internal sealed class BlockStream(IBlockReader? reader, long offset, long length, IDisposable? hold) : Stream
{
    private long _position;
    private bool _closed;

    public override bool CanRead => !_closed;

    public override bool CanSeek => !_closed;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => _position;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _position = value;
        }
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        // Whoever calls may have a context of its own that waits for this very thread.
        return Task.Run(() => ReadAsync(buffer.AsMemory(offset, count)).AsTask()).GetAwaiter().GetResult();
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        int count = (int)Math.Clamp(length - _position, 0, buffer.Length);
        if (reader is null)
            buffer.Span[..count].Clear();
        else if (count > 0)
            await reader.ReadAsync(offset + _position, buffer[..count], cancellationToken);
        _position += count;
        return count;
    }

    public override long Seek(long offset, SeekOrigin origin) => Position = offset + origin switch
    {
        SeekOrigin.Begin => 0,
        SeekOrigin.Current => _position,
        _ => length,
    };

    public override void Flush()
    {
        // Nothing is written.
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_closed)
        {
            _closed = true;
            hold?.Dispose();
        }

        base.Dispose(disposing);
    }
}
