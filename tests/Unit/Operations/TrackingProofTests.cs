using MomentTools.Moments;
using MomentTools.Operations;

namespace MomentTools.Tests.Operations;

/// <summary>Nothing that is not proven at the moment of use is used.</summary>
public sealed class TrackingProofTests
{
    [Fact]
    public void WhatOperationsMadeIsProven()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a", "b");
        var proof = new TrackingProof(disk.Tracking, disk.Seen);
        Assert.Null(proof.Doubt);
        Assert.All(Bitmaps(disk), bitmap => Assert.Null(proof.WhyNot(bitmap)));
    }

    [Theory]
    [InlineData("missing", "is not in the image")]
    [InlineData("inconsistent", "inconsistent")]
    [InlineData("granularity", "granularity")]
    [InlineData("temporary", "not survive")]
    [InlineData("switched", "switched off")]
    public void ARecordingBitmapThatIsNotAsItWasMadeProvesNothing(string trouble, string words)
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a", "b");
        Harm(disk, "b", trouble);
        var proof = new TrackingProof(disk.Tracking, disk.Seen);
        Assert.Contains(words, proof.Doubt, StringComparison.Ordinal);
        Assert.Equal(proof.Doubt, Assert.IsType<SegmentSource.Lost>(Assert.Single(proof.Settled("x"))).Reason);
        Assert.Null(proof.WhyNot(Bitmap(disk, "a")));
    }

    [Theory]
    [InlineData("missing", "is not in the image")]
    [InlineData("inconsistent", "inconsistent")]
    [InlineData("granularity", "granularity")]
    [InlineData("temporary", "not survive")]
    [InlineData("switched", "switched on")]
    public void AClosedBitmapThatIsNotAsItWasMadeProvesNothing(string trouble, string words)
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a", "b");
        Harm(disk, "a", trouble);
        var proof = new TrackingProof(disk.Tracking, disk.Seen);
        Assert.Contains(words, proof.WhyNot(Bitmap(disk, "a")), StringComparison.Ordinal);
        Assert.Null(proof.Doubt);
    }

    [Theory]
    [InlineData("missing", "lost the mark")]
    [InlineData("inconsistent", "did not close")]
    [InlineData("switched", "another state")]
    public void WithoutTheMarkOfItsStateNoBitmapOfTheImageIsProven(string trouble, string words)
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a", "b");
        Harm(disk, disk.Tracking.ActiveTip!.Marker, trouble);
        AssertNothingIsProven(disk, words);
    }

    [Fact]
    public void TheMarkOfAnotherStateSaysThatACopyWasPutInItsPlace()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a");
        ObservedLayer older = disk.Seen;
        disk.Checkpoint("b", "side");
        var proof = new TrackingProof(disk.Tracking, older);
        Assert.Contains("another state", proof.Doubt, StringComparison.Ordinal);
    }

    [Fact]
    public void AnImageWithoutAnyBitmapIsNotTheOneThatWasRecorded()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a");
        foreach (string name in disk.Seen.Bitmaps.Keys)
            disk.Lose(name);
        AssertNothingIsProven(disk, "no bitmaps any more");
    }

    [Fact]
    public void ABitmapOnALayerThatIsNotOpenIsNotProven()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a");
        var proof = new TrackingProof(disk.Tracking, disk.Seen);
        Assert.Contains("not open", proof.WhyNot(new SegmentSource.Bitmap("elsewhere", "a", null)), StringComparison.Ordinal);
    }

    [Fact]
    public void ADiskThatNoMomentCoversHasNothingToProve()
    {
        var proof = new TrackingProof(new DiskTracking { Disk = "vda" }, new SimulatedDisk().Seen);
        Assert.NotNull(proof.Doubt);
        Assert.Empty(proof.Settled("x"));
    }

    [Fact]
    public void OnlyTheRecordingBitmapGetsTheSidecar()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, "a", "b");
        var kept = new SegmentSource.Lost("earlier");
        DiskTracking tracking = disk.Tracking.WithSources(disk.Tracking.ActiveTip!.PointId, [kept, Bitmap(disk, "b")]);
        Assert.Equal([kept, Bitmap(disk, "b") with { SidecarId = "x" }], new TrackingProof(tracking, disk.Seen).Settled("x"));
    }

    /// <summary>Does to a bitmap what a crash or somebody else would.</summary>
    internal static void Harm(SimulatedDisk disk, string bitmap, string trouble)
    {
        if (trouble == "missing")
            disk.Lose(bitmap);
        else
            disk.Change(bitmap, seen => trouble switch
            {
                "inconsistent" => seen with { Inconsistent = true },
                "granularity" => seen with { Granularity = 4096 },
                "temporary" => seen with { Persistent = false },
                "switched" => seen with { Recording = !seen.Recording },
                _ => seen,
            });
    }

    private static void AssertNothingIsProven(SimulatedDisk disk, string words)
    {
        var proof = new TrackingProof(disk.Tracking, disk.Seen);
        Assert.Contains(words, proof.Doubt, StringComparison.Ordinal);
        Assert.All(Bitmaps(disk), bitmap => Assert.False(proof.IsProven(bitmap)));
    }

    private static SegmentSource.Bitmap Bitmap(SimulatedDisk disk, string name) => Bitmaps(disk).Single(bitmap => bitmap.Name == name);

    private static IEnumerable<SegmentSource.Bitmap> Bitmaps(SimulatedDisk disk) => disk.Tracking.Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>();
}
