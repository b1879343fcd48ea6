using System.Runtime.CompilerServices;
using MomentTools.Blocks;

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

    public Task<LayerHoles> HolesAsync(ExtentMap ranges, CancellationToken cancellation)
    {
        var zero = new ExtentMapBuilder();
        // What was learnt for one range is still true for the next ones.
        long dataEnd = 0, holeEnd = 0;
        foreach (Extent range in ranges)
        {
            cancellation.ThrowIfCancellationRequested();
            for (long at = range.Offset; at < range.End;)
            {
                // Behind the end of a file that became shorter meanwhile there is nothing.
                if (at >= dataEnd && at >= holeEnd && (holeEnd = file.NextData(at)) < at)
                    holeEnd = long.MaxValue;
                if (at < holeEnd)
                {
                    long until = Math.Min(holeEnd, range.End);
                    zero.Add(at, until - at);
                    at = until;
                    continue;
                }

                if (at >= dataEnd)
                    dataEnd = Math.Max(file.NextHole(at), at + 1);
                at = Math.Min(dataEnd, range.End);
            }
        }

        return Task.FromResult(new LayerHoles(zero.Build(), ExtentMap.Empty));
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
