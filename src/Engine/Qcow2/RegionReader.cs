namespace MomentTools.Qcow2;

/// <summary>
/// Reads one part of a file from front to back through a small buffer, so that what is held in memory
/// follows from what is really there and not from the sizes the file claims.
/// </summary>
internal sealed class RegionReader(ImageFile file, string what, long offset, long size)
{
    private const int ChunkSize = 1 << 16;

    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private long _read;

    /// <summary>How many bytes of the region have not been taken yet.</summary>
    public long Remaining => size - _read + (_end - _start);

    /// <summary>The next <paramref name="count"/> bytes (up to 64 KiB), valid until the next call.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> TakeAsync(int count, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, ChunkSize);
        if (_end - _start < count)
            await FillAsync(count, cancellation);
        _start += count;
        return _buffer.AsMemory(_start - count, count);
    }

    public void Skip(long count)
    {
        int buffered = (int)Math.Min(count, _end - _start);
        _start += buffered;
        _read += count - buffered;
    }

    private async ValueTask FillAsync(int count, CancellationToken cancellation)
    {
        if (_buffer.Length == 0)
            _buffer = new byte[Math.Max(count, (int)Math.Min(ChunkSize, size))];
        else if (_buffer.Length < count)
            Array.Resize(ref _buffer, ChunkSize);
        int kept = _end - _start;
        _buffer.AsSpan(_start, kept).CopyTo(_buffer);
        (_start, _end) = (0, kept);
        int more = (int)Math.Min(_buffer.Length - kept, size - _read);
        if (kept + more < count)
            throw Qcow2Errors.Truncated(file.Path, what, offset + _read, count - kept, offset + size);
        await file.ReadExactlyAsync(what, offset + _read, _buffer.AsMemory(kept, more), cancellation);
        _read += more;
        _end += more;
    }
}
