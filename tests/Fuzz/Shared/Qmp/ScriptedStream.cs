namespace MomentTools.Tests.Qmp;

/// <summary>A peer in memory: each part of its script follows one more write of the client, and then it hangs up.</summary>
internal sealed class ScriptedStream(IReadOnlyList<byte[]> script, int chunk) : Stream
{
    private readonly SemaphoreSlim _writes = new(1);
    private int _part;
    private int _at;
    private bool _open;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

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

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public override void Flush() => throw new NotSupportedException();
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
