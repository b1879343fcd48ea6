using System.Runtime.CompilerServices;

namespace MomentTools.Qcow2;

/// <summary>A raw image or block device at the bottom of a chain; the holes of a sparse file are zeroes.</summary>
internal sealed class RawLayer(ImageFile file) : IImageLayer
{
    public string Path => file.Path;

    public long Length => file.Length;

    public async IAsyncEnumerable<Qcow2Mapping> MapAsync(long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await Task.CompletedTask;
        long end = offset + length;
        for (long at = offset; at < end;)
        {
            cancellation.ThrowIfCancellationRequested();
            long data = Math.Min(file.NextData(at), end);
            if (data > at)
                yield return new Qcow2Mapping.Zero(new GuestOffset(at), data - at);
            if (data == end)
                break;
            // A file that is being written may answer twice with the same place; one byte on is progress enough.
            at = Math.Min(Math.Max(file.NextHole(data), data + 1), end);
            yield return new Qcow2Mapping.Data(new GuestOffset(data), at - data, new HostOffset(data));
        }
    }

    public async ValueTask ReadAsync(Qcow2Mapping mapping, Memory<byte> buffer, CancellationToken cancellation)
    {
        int read = mapping is Qcow2Mapping.Data data ? await file.ReadAsync(data.Host.Value, buffer, cancellation) : 0;
        buffer.Span[read..].Clear();
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }
}
