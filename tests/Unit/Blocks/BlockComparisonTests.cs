using FsCheck;
using FsCheck.Fluent;
using MomentTools.Blocks;
using MomentTools.Errors;

namespace MomentTools.Tests.Blocks;

public sealed class BlockComparisonTests
{
    [Fact]
    public void ExactlyTheGranulesThatDifferAreFound() =>
        Prop.ForAll(ArbMap.Default.ArbFor<PositiveInt>(), seed =>
        {
            var random = new Random(seed.Get);
            int length = random.Next(1, 3) == 1 ? random.Next(0, 60_000) : random.Next(1 << 20, 3 << 20), granularity = 1 << random.Next(9, 17);
            bool other = random.Next(4) == 0;
            MemoryDisk left = MemoryDisk.Random(random, length), right = other ? MemoryDisk.Random(random, length) : Copy(left);
            for (int i = random.Next(12); i > 0 && length > 0 && !other; i--)
                right.Bytes[random.Next(length)] ^= (byte)random.Next(2);
            var progress = new Reports();
            ExtentMap found = new BlockComparison(left, right, granularity).RunAsync(progress, CancellationToken.None).GetAwaiter().GetResult();
            return found.Equals(ByBytes(left, right, granularity)) && progress.Ascending && progress.Last == length
                && left.MostAtOnce <= 4 && right.MostAtOnce <= 4 && Math.Max(left.LongestRead, right.LongestRead) <= 1 << 20;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task WhatIsZeroOnBothSidesIsNotReadAndSeveralReadsAreUnderWay()
    {
        MemoryDisk left = new(64 << 20, 1), right = new(64 << 20, 1);
        left.AddData(4096, 512);
        right.AddData(20 << 20, 12 << 20);
        right.Bytes[25 << 20] = 1;
        long read = 0;
        left.Before = _ => Interlocked.Increment(ref read);
        ExtentMap found = await new BlockComparison(left, right, 65536).RunAsync(null, CancellationToken.None);
        Assert.Equal(ExtentMap.Of(new Extent(25 << 20, 65536)), found);
        Assert.Equal(13, read);
        Assert.InRange(right.MostAtOnce, 2, 4);
    }

    [Fact]
    public async Task DisksOfDifferentSizesAreRefused()
    {
        MomentException refused = await Assert.ThrowsAsync<MomentException>(
            () => new BlockComparison(new MemoryDisk(512, 1), new MemoryDisk(513, 1), 512).RunAsync(null, CancellationToken.None));
        Assert.Equal(BlockErrors.ComparedLengthsDiffer, refused.ErrorId);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AFailureIsTheOneThatCameFirstAndNothingIsUnderWayBehindIt(bool first)
    {
        MemoryDisk left = MemoryDisk.Random(new Random(1), 16 << 20), right = Copy(left);
        (first ? left : right).FailAfter = 5;
        IOException failure = await Assert.ThrowsAsync<IOException>(() => new BlockComparison(left, right, 65536).RunAsync(null, CancellationToken.None));
        Assert.Equal("the disk is broken", failure.Message);
        Assert.Equal((0, 0), (left.UnderWay, right.UnderWay));
    }

    [Fact]
    public async Task ACancellationEndsOnceNothingIsUnderWay()
    {
        MemoryDisk left = MemoryDisk.Random(new Random(1), 16 << 20), right = Copy(left);
        using var cancel = new CancellationTokenSource();
        left.Before = at =>
        {
            if (at == 4)
                cancel.Cancel();
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new BlockComparison(left, right, 65536).RunAsync(null, cancel.Token));
        Assert.Equal((0, 0), (left.UnderWay, right.UnderWay));
    }

    private static MemoryDisk Copy(MemoryDisk disk)
    {
        var copy = new MemoryDisk(disk.Bytes.Length, 1);
        disk.Bytes.CopyTo(copy.Bytes, 0);
        copy.AddData(0, disk.Length);
        return copy;
    }

    // The plain way, byte by byte.
    private static ExtentMap ByBytes(MemoryDisk left, MemoryDisk right, int granularity)
    {
        var found = new SortedSet<int>();
        for (int at = 0; at < left.Bytes.Length; at++)
            if (left.Bytes[at] != right.Bytes[at])
                found.Add(at / granularity);
        return ExtentMap.Of(found.Select(granule => new Extent((long)granule * granularity, Math.Min(granularity, left.Length - ((long)granule * granularity)))));
    }
}
