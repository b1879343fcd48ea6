using MomentTools.Moments;
using MomentTools.Operations;

namespace MomentTools.Tests.Operations;

public sealed class LayerAcceptanceTests
{
    private const long Second = 1_000_000_000;

    private static readonly LayerFacts Active = new("qcow2", 1, 10, "base.qcow2", "qcow2", null, null);
    private static readonly LayerFacts Base = new("qcow2", 1, 11, null, null, 1000, 5 * Second);

    [Fact]
    public void LayersThatNobodyLookedAtProveNothing()
    {
        var seen = new ObservedLayer("/images/vda.qcow2", 0, new Dictionary<string, ObservedBitmap>(StringComparer.Ordinal));
        Assert.Equal(LayerDriftKind.Unseen, new TrackingProof(Disk(), seen).Drift?.Kind);
        Assert.Null(new TrackingProof(Disk(), seen with { Chain = new SeenChain(Chain(Base)) }).Drift);
    }

    [Fact]
    public void LayersOfAnotherFileSystemNumberOrFolderAreTheSame()
    {
        SeenLayer[] moved = [new("/other/vda.qcow2", Active, null), new("/other/base.qcow2", Base with { Device = 9 }, null)];
        Assert.Empty(LayerDrift.Find(Disk(), moved));
    }

    [Theory]
    [InlineData(1001, 5 * Second, 11)]
    [InlineData(1000, 5 * Second + 1, 11)]
    [InlineData(1000, 5 * Second, 12)]
    public void LengthTimeAndFileTell(long length, long modified, ulong inode)
    {
        LayerDrift drift = Assert.Single(LayerDrift.Find(Disk(), Chain(Base with { Length = length, Modified = modified, Inode = inode })));
        Assert.Equal((LayerDriftKind.Written, "base"), (drift.Kind, drift.LayerId));
    }

    [Fact]
    public void AnotherBackingNameOfTheActiveImageEndsTheLook()
    {
        SeenLayer[] chain = [new("/images/vda.qcow2", Active with { BackingFile = "other.qcow2" }, null), new("/images/other.qcow2", Base with { Inode = 12 }, null)];
        Assert.Equal(LayerDriftKind.Rebased, Assert.Single(LayerDrift.Find(Disk(), chain)).Kind);
    }

    [Fact]
    public void WhatIsAcceptedIsExactFromThenOnAndLostOnOtherBranches()
    {
        SeenLayer[] chain = Chain(Base with { Modified = 6 * Second });
        DiskTracking after = LayerAcceptance.Accept(Disk(), new SeenChain(chain));
        Assert.Empty(LayerDrift.Find(after, chain));
        Assert.Contains(after.Points["other tip"].Sources, source => source is SegmentSource.Lost);
        Assert.DoesNotContain(after.Points["tip"].Sources, source => source is SegmentSource.Lost);
    }

    [Theory]
    [InlineData(11, 7 * Second, 6 * Second, true)]
    [InlineData(11, 6 * Second, 6 * Second, false)]
    [InlineData(11, 0, 6 * Second, false)]
    // Written in place after the machine had started, and given an old time.
    [InlineData(11, 7 * Second, 8 * Second, false)]
    [InlineData(11, 7 * Second, 0, false)]
    // Another file with an old time, put in its place after the machine had started.
    [InlineData(12, 7 * Second, 8 * Second, false)]
    [InlineData(12, 9 * Second, 8 * Second, true)]
    [InlineData(12, 9 * Second, 0, false)]
    public void UnderARunningMachineOnlyWhatIsOlderThanItIsAccepted(ulong inode, long started, long placed, bool accepted)
    {
        SeenLayer[] chain = [Chain(Base)[0], new("/images/base.qcow2", Base with { Inode = inode, Modified = 6 * Second }, null) { Placed = placed }];
        DiskTracking after = LayerAcceptance.Accept(Disk(), new SeenChain(chain, started));
        Assert.Equal(accepted, LayerDrift.Find(after, chain).Count == 0);
    }

    private static SeenLayer[] Chain(LayerFacts beneath) => [new("/images/vda.qcow2", Active, null), new("/images/base.qcow2", beneath, null)];

    private static DiskTracking Disk() => new()
    {
        Disk = "vda",
        Points = new Dictionary<string, TrackingPoint>(StringComparer.Ordinal)
        {
            ["root"] = new("root", null, [], 0, 0, "active", Flushed: true, null),
            ["tip"] = new("tip", "root", [new SegmentSource.Bitmap("active", "a", null)], 0, 0, "active", Flushed: false, null),
            ["other tip"] = new("other tip", "root", [new SegmentSource.Bitmap("other", "b", null)], 0, 0, "other", Flushed: false, null),
        },
        Layers = new Dictionary<string, TrackingLayer>(StringComparer.Ordinal)
        {
            ["active"] = new("active", "/images/vda.qcow2", "base", Facts: Active),
            ["other"] = new("other", "/images/vda2.qcow2", "base", Facts: Active),
            ["base"] = new("base", "/images/base.qcow2", null, Facts: Base),
        },
        Tips = new Dictionary<string, TrackingTip>(StringComparer.Ordinal) { [DiskTracking.MainBranch] = new("tip", "active", "a"), ["side"] = new("other tip", "other", "b") },
    };
}
