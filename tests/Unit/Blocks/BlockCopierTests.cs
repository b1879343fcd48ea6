using FsCheck;
using FsCheck.Fluent;
using MomentTools.Blocks;
using MomentTools.Errors;

namespace MomentTools.Tests.Blocks;

public sealed class BlockCopierTests
{
    [Fact]
    public void EveryByteArrivesWhateverTheRunsAndTheAlignment() =>
        Prop.ForAll(ArbMap.Default.ArbFor<PositiveInt>(), ArbMap.Default.ArbFor<bool>(), (seed, targetIsZero) =>
        {
            var random = new Random(seed.Get);
            var source = MemoryDisk.Random(random, random.Next(1, 40_000));
            int alignment = 1 << random.Next(0, 11);
            var target = new MemoryDisk(source.Bytes.Length + (source.Bytes.Length % alignment == 0 ? random.Next(0, 2000) : 0), alignment);
            if (!targetIsZero)
                random.NextBytes(target.Bytes);
            byte[] behind = target.Bytes[source.Bytes.Length..];
            var options = new BlockCopyOptions { PieceLength = 1 << random.Next(11, 14), Requests = random.Next(1, 6), TargetIsZero = targetIsZero };
            var progress = new Reports();
            BlockCopyResult result = new BlockCopier(source, target, options).RunAsync(progress, CancellationToken.None).GetAwaiter().GetResult();
            return target.Bytes.AsSpan(0, source.Bytes.Length).SequenceEqual(source.Bytes) && target.Bytes.AsSpan(source.Bytes.Length).SequenceEqual(behind)
                && result.DataLength + result.ZeroLength == source.Bytes.Length && progress.Last == source.Bytes.Length && progress.Ascending
                && target.Flushes == 1 && (!targetIsZero || target.Zeroed == 0) && result.DataLength == target.Written
                && source.MostAtOnce <= options.Requests && source.LongestRead <= options.PieceLength;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task ZeroesAreNotRead()
    {
        var source = new MemoryDisk(1 << 20, 1);
        source.AddData(4096, 512);
        var target = new MemoryDisk(1 << 20, 4096);
        BlockCopyResult result = await new BlockCopier(source, target, BlockCopyOptions.Default).RunAsync(null, CancellationToken.None);
        Assert.Equal(new BlockCopyResult(4096, (1 << 20) - 4096), result);
        Assert.Equal((4096, (1 << 20) - 4096), (target.Written, target.Zeroed));
    }

    [Fact]
    public async Task ATargetThatIsTooSmallIsNotTouched()
    {
        var target = new MemoryDisk(511, 1);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(
            () => new BlockCopier(new MemoryDisk(512, 1), target, BlockCopyOptions.Default).RunAsync(null, CancellationToken.None));
        Assert.Equal("CopyTargetTooSmall", refused.ErrorId.Name);
        Assert.Equal(0, target.Written + target.Zeroed + target.Flushes);
    }

    [Fact]
    public async Task AnEndWithinABlockOfALargerTargetIsRefusedBeforeAnythingIsWritten()
    {
        var target = new MemoryDisk(8192, 4096);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(
            () => new BlockCopier(new MemoryDisk(512, 1), target, BlockCopyOptions.Default).RunAsync(null, CancellationToken.None));
        Assert.Equal("CopyTargetMisaligned", refused.ErrorId.Name);
        Assert.Equal(0, target.Written + target.Zeroed + target.Flushes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AFailureIsTheOneThatCameFirstAndNothingGoesOnBehindIt(bool reading)
    {
        MemoryDisk source = MemoryDisk.Random(new Random(1), 1 << 20), target = new(1 << 20, 1);
        (reading ? source : target).FailAfter = 20;
        var options = new BlockCopyOptions { PieceLength = 4096, Requests = 8 };
        IOException failure = await Assert.ThrowsAsync<IOException>(() => new BlockCopier(source, target, options).RunAsync(null, CancellationToken.None));
        Assert.Equal("the disk is broken", failure.Message);
        Assert.Equal((0, 0, 0), (source.UnderWay, target.UnderWay, target.Flushes));
    }

    [Fact]
    public async Task ACancellationEndsOnceNothingIsUnderWay()
    {
        MemoryDisk source = MemoryDisk.Random(new Random(1), 1 << 20), target = new(1 << 20, 1);
        using var cancel = new CancellationTokenSource();
        source.Before = at =>
        {
            if (at == 30)
                cancel.Cancel();
        };
        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => new BlockCopier(source, target, new BlockCopyOptions { PieceLength = 4096, Requests = 8 }).RunAsync(null, cancel.Token));
        Assert.Equal(cancel.Token, cancelled.CancellationToken);
        Assert.Equal((0, 0, 0), (source.UnderWay, target.UnderWay, target.Flushes));
    }
}
