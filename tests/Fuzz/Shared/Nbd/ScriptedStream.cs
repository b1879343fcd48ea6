using System.Buffers.Binary;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Nbd;

/// <summary>
/// A connection in memory to a server whose bytes are fixed beforehand: the handshake, then the reply to each request, which
/// comes when that request has been sent, or when its patience is over. Behind the last one the server hangs up.
/// </summary>
internal sealed class ScriptedStream(byte[][] parts, TimeSpan patience) : PeerStream
{
    private readonly SemaphoreSlim _requested = new(0);
    private int _part;
    private int _at;

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
}
