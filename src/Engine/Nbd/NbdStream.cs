using System.Diagnostics;

namespace MomentTools.Nbd;

/// <summary>
/// The byte stream to a server. Small things are read through a buffer; a read's payload goes straight from the stream
/// into its place. One reader and one writer at a time. The stream's own exceptions pass through.
/// </summary>
internal sealed class NbdStream(Stream connection, NbdEndpoint endpoint) : IAsyncDisposable
{
    private Stream _connection = connection;
    private readonly byte[] _buffer = new byte[16384];
    private int _start;
    private int _end;
    private long _lastReceived = Stopwatch.GetTimestamp();

    public NbdEndpoint Endpoint => endpoint;

    /// <summary>The largest count for <see cref="ReadExactAsync"/>.</summary>
    public int MaxExact => _buffer.Length;

    /// <summary>When bytes last came, as a <see cref="Stopwatch"/> time stamp.</summary>
    public long LastReceived => Volatile.Read(ref _lastReceived);

    /// <summary>Whether TLS is on.</summary>
    public bool Encrypted { get; private set; }

    /// <summary>Whether bytes have come since the connection was made, or since TLS is on.</summary>
    public bool Heard { get; private set; }

    /// <summary>Turns TLS on. Bytes that came before it must not be taken for ones that came through it.</summary>
    public async Task EncryptAsync(NbdTls tls, CancellationToken cancellation)
    {
        if (_start != _end)
            throw NbdErrors.Violation(endpoint, "it sent more behind its answer to NBD_OPT_STARTTLS without waiting for TLS");
        _connection = await tls.EncryptAsync(_connection, endpoint, cancellation);
        Encrypted = true;
        Heard = false;
    }

    /// <summary>The next <paramref name="count"/> bytes, at most <see cref="MaxExact"/>. They are valid until the next call.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> ReadExactAsync(int count, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxExact);
        if (_buffer.Length - _start < count)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        while (_end - _start < count)
            _end += await ReceiveAsync(_buffer.AsMemory(_end), cancellation);
        var bytes = new ReadOnlyMemory<byte>(_buffer, _start, count);
        _start += count;
        if (_start == _end)
            _start = _end = 0;
        return bytes;
    }

    /// <summary>Waits until <see cref="ReadSomeAsync"/> has something to give, without lending it a buffer meanwhile.</summary>
    public async ValueTask WaitAsync(CancellationToken cancellation)
    {
        if (_start == _end)
        {
#pragma warning disable CA2022 // Nothing is read: an empty read returns when bytes are there.
            _ = await _connection.ReadAsync(Memory<byte>.Empty, cancellation);
#pragma warning restore CA2022
        }
    }

    /// <summary>Fills the beginning of <paramref name="target"/> and says how far.</summary>
    public async ValueTask<int> ReadSomeAsync(Memory<byte> target, CancellationToken cancellation)
    {
        if (_start == _end)
            return await ReceiveAsync(target, cancellation);
        int count = Math.Min(target.Length, _end - _start);
        _buffer.AsSpan(_start, count).CopyTo(target.Span);
        _start += count;
        return count;
    }

    /// <summary>Reads over <paramref name="count"/> bytes that nobody wants.</summary>
    public async ValueTask SkipAsync(long count, CancellationToken cancellation)
    {
        while (count > 0)
        {
            if (_start == _end)
            {
                _start = 0;
                _end = await ReceiveAsync(_buffer, cancellation);
            }

            int step = (int)Math.Min(count, _end - _start);
            _start += step;
            count -= step;
        }
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation) => _connection.WriteAsync(bytes, cancellation);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async ValueTask<int> ReceiveAsync(Memory<byte> target, CancellationToken cancellation)
    {
        int count = await _connection.ReadAsync(target, cancellation);
        if (count == 0)
            throw new EndOfStreamException("The server closed the connection.");
        Heard = true;
        Volatile.Write(ref _lastReceived, Stopwatch.GetTimestamp());
        return count;
    }
}
