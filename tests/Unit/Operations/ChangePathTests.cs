using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Tests.Moments;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Which sources make up an answer, and when there is none.</summary>
public sealed class ChangePathTests : IDisposable
{
    private const long Grain = TrackingProof.Granularity;
    private readonly ScratchDirectory _scratch = new();
    private readonly SegmentFile _segments;

    public ChangePathTests() => _segments = new SegmentFile(_scratch["segments"]);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void ProvenBitmapsOnTheWayAreTakenAndNoOthers()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a", "b", "c");
        ChangePath path = Since(disk, "b");
        Assert.Equal(["b", "c"], path.Bitmaps);
        Assert.Equal(ExtentMap.Empty, path.Saved);
        Assert.Null(path.Doubt);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("inconsistent")]
    public void ASidecarStandsInForABitmapThatIsGone(string trouble)
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a", "b", "c");
        TrackingProofTests.Harm(disk, "b", trouble);
        ExtentMap saved = ExtentMap.Of(new Extent(Grain, Grain));
        _segments.Write("sidec", new Dictionary<string, Segment>(StringComparer.Ordinal) { ["vda"] = new(saved, SimulatedDisk.Size, Grain) });
        ChangePath path = Since(disk, "a");
        Assert.Equal(["a", "c"], path.Bitmaps);
        Assert.Equal(saved, path.Saved);
    }

    [Fact]
    public void ASidecarThatCannotBeReadIsAnErrorAndNotAnEmptyAnswer()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a", "b");
        disk.Lose("a");
        Assert.Equal(MomentErrors.SegmentUnreadable, Assert.Throws<MomentException>(() => Since(disk, "a")).ErrorId);
    }

    [Fact]
    public void WithoutASidecarTheAnswerIsUnknownForThoseBeforeAlone()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: false, "a", "b", "c");
        disk.Lose("b");
        Assert.Contains("'b'", Since(disk, "a").Doubt, StringComparison.Ordinal);
        Assert.NotNull(Since(disk, "b").Doubt);
        Assert.Null(Since(disk, "c").Doubt);
    }

    [Fact]
    public void ALostSourceOnTheWaySaysItsReason()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a", "b");
        TrackingPoint b = disk.Tracking.PointOf(Sample.Checkpoint("b"))!;
        disk.Adopt(disk.Tracking.WithSources(b.Id, [.. b.Sources, new SegmentSource.Lost("the cat ate it")]));
        Assert.Equal("the cat ate it", Since(disk, "a").Doubt);
        Assert.Null(Since(disk, "b").Doubt);
    }

    [Fact]
    public void AnEdgeWithoutAnySourceIsUnknownAndNotEmpty()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a", "b");
        disk.Adopt(disk.Tracking.WithSources(disk.Tracking.PointOf(Sample.Checkpoint("b"))!.Id, []));
        Assert.NotNull(Since(disk, "a").Doubt);
    }

    [Fact]
    public void AMomentThatDoesNotCoverTheDiskIsUnknown() =>
        Assert.NotNull(Since(SimulatedDisk.WithLine(sidecars: true, "a"), "z").Doubt);

    [Fact]
    public void AnotherImageThanTheRecordedOneIsUnknown()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a");
        var path = ChangePath.SinceMoment(disk.Tracking, Sample.Checkpoint("a"), disk.Seen with { Path = "/images/other.qcow2" }, _segments);
        Assert.Contains("/images/other.qcow2", path.Doubt, StringComparison.Ordinal);
        Assert.Empty(path.Bitmaps);
    }

    [Fact]
    public void WhatAResizeMadeUnknownCountsAsChanged()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a", "b");
        TrackingPoint b = disk.Tracking.PointOf(Sample.Checkpoint("b"))!;
        disk.Adopt(disk.Tracking with { Points = new Dictionary<string, TrackingPoint>(disk.Tracking.Points, StringComparer.Ordinal) { [b.Id] = b with { Floor = 10 * Grain } } });
        Assert.Equal(ExtentMap.Of(new Extent(10 * Grain, SimulatedDisk.Size - 10 * Grain)), Since(disk, "a").Saved);
        Assert.Equal(ExtentMap.Empty, Since(disk, "b").Saved);
        var grown = ChangePath.SinceMoment(disk.Tracking, Sample.Checkpoint("b"), disk.Seen with { Size = SimulatedDisk.Size + Grain }, _segments);
        Assert.Equal(ExtentMap.Of(new Extent(SimulatedDisk.Size, Grain)), grown.Saved);
    }

    private ChangePath Since(SimulatedDisk disk, string moment) => ChangePath.SinceMoment(disk.Tracking, Sample.Checkpoint(moment), disk.Seen, _segments);
}
