using System.Buffers.Binary;

namespace MomentTools.Tests.Nbd;

/// <summary>
/// A connection in memory to a server whose bytes are fixed beforehand: the handshake, then the reply to each request, which
/// comes when that request has been sent, or when its patience is over. Behind the last one the server hangs up.
/// </summary>
internal sealed class ScriptedStream(byte[][] parts, TimeSpan patience) : Stream
{
    private readonly SemaphoreSlim _requested = new(0);
    private int _part;
    private int _at;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
            return 0;
        while (_at == parts[_part].Length)
        {
            if (_part == parts.Length - 1)
                return 0;
            await _requested.WaitAsync(patience, cancellationToken);
            _part++;
            _at = 0;
        }

        int count = Math.Min(buffer.Length, parts[_part].Length - _at);
        parts[_part].AsMemory(_at, count).CopyTo(buffer);
        _at += count;
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.Length == 28 && BinaryPrimitives.ReadUInt32BigEndian(buffer.Span) == 0x25609513)
            _requested.Release();
        return ValueTask.CompletedTask;
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
