using System.Runtime.CompilerServices;
using MomentTools.Blocks;

namespace MomentTools.Tests.Blocks;

/// <summary>A disk in memory that counts what is done to it, and refuses what an aligned writer would.</summary>
internal sealed class MemoryDisk(int length, int alignment) : IBlockReader, IBlockWriter
{
    private readonly List<Extent> _data = [];
    private int _operations;
    private int _underWay;
    private int _most;

    public byte[] Bytes { get; } = new byte[length];

    public long Length => length;

    public int Alignment => alignment;

    public long Written { get; private set; }

    public long Zeroed { get; private set; }

    public int Flushes { get; private set; }

    public int LongestRead { get; private set; }

    public int MostAtOnce => _most;

    public int UnderWay => _underWay;

    /// <summary>The operation from which on everything fails.</summary>
    public int FailAfter { get; set; } = int.MaxValue;

    public Action<int> Before { get; set; } = _ => { };

    public static MemoryDisk Random(Random random, int length)
    {
        var disk = new MemoryDisk(length, 1);
        for (int at = random.Next(3000); at < length;)
        {
            int run = Math.Min(random.Next(1, 6000), length - at);
            disk.AddData(at, run);
            random.NextBytes(disk.Bytes.AsSpan(at, run));
            at += run + random.Next(1, 6000);
        }

        return disk;
    }

    public void AddData(long offset, long count) => _data.Add(new Extent(offset, count));

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation)
    {
        lock (_data)
            LongestRead = Math.Max(LongestRead, buffer.Length);
        await DoAsync(() => Bytes.AsSpan((int)offset, buffer.Length).CopyTo(buffer.Span), cancellation);
    }

    public async IAsyncEnumerable<BlockStatus> StatusAsync(long offset, long length, [EnumeratorCancellation] CancellationToken cancellation)
    {
        Assert.Equal((0, Length), (offset, length));
        long at = 0;
        foreach (Extent extent in _data)
        {
            await Task.Yield();
            cancellation.ThrowIfCancellationRequested();
            if (at < extent.Offset)
                yield return new BlockStatus(at, extent.Offset - at, BlockKind.Zero);
            yield return new BlockStatus(extent.Offset, extent.Length, BlockKind.Data);
            at = extent.End;
        }

        if (at < length)
            yield return new BlockStatus(at, length - at, BlockKind.Unallocated);
    }

    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        RequireAligned(offset, data.Length);
        await DoAsync(() =>
        {
            data.Span.CopyTo(Bytes.AsSpan((int)offset));
            Written += data.Length;
        }, cancellation);
    }

    public async ValueTask ZeroAsync(long offset, long length, CancellationToken cancellation)
    {
        RequireAligned(offset, length);
        await DoAsync(() =>
        {
            Bytes.AsSpan((int)offset, (int)length).Clear();
            Zeroed += length;
        }, cancellation);
    }

    public Task FlushAsync(CancellationToken cancellation)
    {
        Flushes++;
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task DoAsync(Action work, CancellationToken cancellation)
    {
        int underWay = Interlocked.Increment(ref _underWay);
        try
        {
            int mine = Interlocked.Increment(ref _operations);
            Before(mine);
            await Task.Yield();
            cancellation.ThrowIfCancellationRequested();
            if (mine > FailAfter)
                throw new IOException("the disk is broken");
            lock (_data)
            {
                _most = Math.Max(_most, underWay);
                work();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    private void RequireAligned(long offset, long count) =>
        Assert.True(offset % alignment == 0 && (count % alignment == 0 || offset + count == Length), $"{count} bytes at {offset} are not aligned to {alignment}");
}
