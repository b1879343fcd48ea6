using MomentTools.Tests.Support;

namespace MomentTools.Tests.Qmp;

/// <summary>A peer in memory: each part of its script follows one more write of the client, and then it hangs up.</summary>
internal sealed class ScriptedStream(IReadOnlyList<byte[]> script, int chunk) : PeerStream
{
    private readonly SemaphoreSlim _writes = new(1);
    private int _part;
    private int _at;
    private bool _open;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_part < script.Count)
        {
            if (!_open)
                await _writes.WaitAsync(cancellationToken);
            _open = true;
            int count = Math.Min(Math.Min(chunk, buffer.Length), script[_part].Length - _at);
            script[_part].AsSpan(_at, count).CopyTo(buffer.Span);
            _at += count;
            if (_at == script[_part].Length)
                (_part, _at, _open) = (_part + 1, 0, false);
            if (count > 0)
                return count;
        }

        return 0;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _writes.Release();
        return ValueTask.CompletedTask;
    }
}
