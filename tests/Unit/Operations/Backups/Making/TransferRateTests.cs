using FsCheck;
using FsCheck.Fluent;
using MomentTools.Operations.Backups.Making;

namespace MomentTools.Tests.Operations.Backups.Making;

public sealed class TransferRateTests
{
    private const long Mebibyte = 1 << 20;

    [Fact]
    public void AnEvenTransferTellsExactlyWhatIsLeft()
    {
        var rate = new TransferRate();
        for (int second = 0; second <= 20; second++)
            rate.Add(TimeSpan.FromSeconds(second), second * 10 * Mebibyte);
        Assert.Equal(TimeSpan.FromSeconds(30), rate.Remaining(500 * Mebibyte));
        Assert.Equal(TimeSpan.Zero, rate.Remaining(200 * Mebibyte));
    }

    [Fact]
    public void NothingIsSaidInTheFirstSecondNorOfATransferThatStands()
    {
        var rate = new TransferRate();
        Assert.Null(rate.Remaining(100));
        rate.Add(TimeSpan.Zero, 0);
        rate.Add(TimeSpan.FromSeconds(0.9), 50);
        Assert.Null(rate.Remaining(100));
        var standing = new TransferRate();
        standing.Add(TimeSpan.Zero, 7);
        standing.Add(TimeSpan.FromSeconds(60), 7);
        Assert.Null(standing.Remaining(100));
    }

    [Fact]
    public void ATransferThatSlowsDownIsToldByItsSpeedOfLate()
    {
        var rate = new TransferRate();
        for (int second = 0; second <= 10; second++)
            rate.Add(TimeSpan.FromSeconds(second), second * 100 * Mebibyte);
        for (int second = 11; second <= 60; second++)
            rate.Add(TimeSpan.FromSeconds(second), (1000 + (second - 10) * 10) * Mebibyte);
        Assert.InRange(rate.BytesPerSecond!.Value, 10 * Mebibyte, 12 * Mebibyte);
    }

    [Fact]
    public void ATransferThatBeginsAnewIsAnotherOne()
    {
        var rate = new TransferRate();
        rate.Add(TimeSpan.Zero, 0);
        rate.Add(TimeSpan.FromSeconds(10), 1000 * Mebibyte);
        rate.Add(TimeSpan.FromSeconds(11), 0);
        rate.Add(TimeSpan.FromSeconds(13), 20 * Mebibyte);
        Assert.Equal(10 * Mebibyte, rate.BytesPerSecond!.Value, tolerance: 1);
    }

    [Fact]
    public void WhateverIsReportedTheSpeedLiesBetweenTheSlowestAndTheFastestAndNothingIsNegative() =>
        Prop.ForAll(ArbMap.Default.ArbFor<(PositiveInt Milliseconds, NonNegativeInt Bytes)[]>(), steps =>
        {
            var rate = new TransferRate();
            rate.Add(TimeSpan.Zero, 0);
            TimeSpan at = TimeSpan.Zero;
            long done = 0;
            double slowest = double.MaxValue, fastest = 0;
            foreach ((PositiveInt milliseconds, NonNegativeInt bytes) in steps)
            {
                at += TimeSpan.FromMilliseconds(milliseconds.Get);
                done += bytes.Get;
                rate.Add(at, done);
                slowest = Math.Min(slowest, bytes.Get / (milliseconds.Get / 1000.0));
                fastest = Math.Max(fastest, bytes.Get / (milliseconds.Get / 1000.0));
            }

            return (rate.BytesPerSecond is not { } speed || speed >= slowest * 0.999 && speed <= fastest * 1.001)
                && (rate.Remaining(done + 1) is not { } left || left > TimeSpan.Zero)
                && rate.Remaining(done) is not { Ticks: not 0 };
        }).QuickCheckThrowOnFailure();
}
