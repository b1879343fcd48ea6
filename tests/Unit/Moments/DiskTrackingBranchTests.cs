using MomentTools.Moments;
using static MomentTools.Tests.Moments.Sample;

namespace MomentTools.Tests.Moments;

/// <summary>Each operation on layers, tips and kept points: the tree, the edges, their sources and floors.</summary>
public sealed class DiskTrackingBranchTests
{
    private const long Size = 1000;
    private static readonly TrackingLayer Base = new("base", "/images/base", null);
    private static readonly TrackingLayer Overlay = new("over", "/images/over", null) { Made = true };

    [Fact]
    public void AFrozenLayerBearsTheMarkOfThePointThatWasItsTip()
    {
        DiskTracking disk = Frozen();
        Assert.Equal("t1", disk.PointOf(Snapshot("s"))!.Id);
        Assert.Equal(("t1", "base"), (disk.Layers["base"].FrozenTop, disk.Layers["over"].BackingId));
        Assert.Equal(new TrackingTip("t2", "over", "mt-2"), disk.ActiveTip);
        AssertPoint(disk, "t1", "p1", "base", floor: 700, new SegmentSource.Bitmap("base", "a", "s1"));
        AssertPoint(disk, "t2", "t1", "over", floor: Size, new SegmentSource.Bitmap("over", "mt-2", null));
        Assert.Equal(["over"], disk.ChildrenOf("base").Select(layer => layer.Id));
        Assert.Equal(("/images/base", "/images/over"), (disk.LayerOf("t1").Path, disk.LayerOf("t2").Path));
    }

    [Fact]
    public void AnUntrackedDiskIsFrozenAtANewRoot()
    {
        DiskTracking disk = new DiskTracking { Disk = "vda" }.Freeze(Snapshot("s"), Base, Overlay, Size, [new SegmentSource.Lost("ignored")], "mt-2", "p", "t");
        Assert.Equal(("p", "p"), (disk.Layers["base"].FrozenTop, disk.PointOf(Snapshot("s"))!.Id));
        AssertPoint(disk, "p", null, "base", Size);
        Assert.Equal(Snapshot("s"), disk.Current);
    }

    [Fact]
    public void AForkBeginsOnTheFrozenLayerAndIsNotActive()
    {
        DiskTracking disk = Forked();
        Assert.Equal("t2", disk.ActiveTip!.PointId);
        Assert.Equal(new TrackingTip("t3", "fork", "mt-3"), disk.Tips["try"]);
        Assert.Equal("base", disk.Layers["fork"].BackingId);
        AssertPoint(disk, "t3", "t1", "fork", Size, new SegmentSource.Bitmap("fork", "mt-3", null));
        Assert.Equal(["t3"], disk.Path("t1", "t3")!.Select(point => point.Id));
        Assert.Equal("t3", disk.Activate("try").ActiveTip!.PointId);
    }

    [Fact]
    public void AForkInPlaceOfATipDropsItsLastEdgeAlone()
    {
        DiskTracking disk = Forked().Fork("main", "t1", new TrackingLayer("again", "/images/again", null), Size, "mt-4", "t4");
        Assert.False(disk.Points.ContainsKey("t2"));
        Assert.Equal("t4", disk.ActiveTip!.PointId);
        Assert.Equal(Snapshot("s"), disk.Current);
    }

    [Fact]
    public void ARenamedTipStaysAndTheActiveBranchFollows()
    {
        DiskTracking disk = Forked().RenameTip("main", "mt-left");
        Assert.Equal(("mt-left", "t2"), (disk.ActiveBranch, disk.ActiveTip!.PointId));
        Assert.Equal("t4", disk.Fork("main", "t1", new TrackingLayer("again", "/images/again", null), Size, "mt-4", "t4").Activate("main").ActiveTip!.PointId);
        Assert.Throws<InvalidOperationException>(() => disk.RenameTip("try", "mt-left"));
    }

    [Fact]
    public void ALoadedSnapshotTakesTheTipWithItAndLeavesTheMomentsBetween()
    {
        DiskTracking disk = Line("a", "b").Revert("main", "p1", "mt-9", "t9", Size);
        Assert.False(disk.Points.ContainsKey("t2"));
        AssertPoint(disk, "t9", "p1", "base", Size, new SegmentSource.Bitmap("base", "mt-9", null));
        Assert.NotNull(disk.PointOf(Checkpoint("b")));
        Assert.Equal(["t1", "t9"], disk.Path("t1", "t9")!.Select(point => point.Id).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void ASavedTipIsClosedAndALoadedOneRecordsBesideWhatItHad()
    {
        SegmentSource closed = new SegmentSource.Bitmap("base", "a", "s");
        DiskTracking disk = Line("a").SaveTip("main", [closed], "tag");
        Assert.Equal(new TrackingTip("t1", "base", "") { Saved = "tag" }, disk.ActiveTip);
        AssertPoint(disk, "t1", "p1", "base", Size, closed);
        DiskTracking loaded = disk.LoadTip("main", "mt-9");
        Assert.Equal(new TrackingTip("t1", "base", "mt-9"), loaded.ActiveTip);
        AssertPoint(loaded, "t1", "p1", "base", Size, closed, new SegmentSource.Bitmap("base", "mt-9", null));
    }

    [Fact]
    public void ABranchOfAnInternalSnapshotIsThatSnapshot()
    {
        DiskTracking disk = Line("a", "b").ForkSaved("try", "p1", "a", "t9");
        Assert.Equal(new TrackingTip("t9", "base", "") { Saved = "a" }, disk.Tips["try"]);
        AssertPoint(disk, "t9", "p1", "base", Size);
        Assert.Equal("t2", disk.ActiveTip!.PointId);
    }

    [Fact]
    public void WithATipGoesTheGhostThatOnlyItNeeded()
    {
        DiskTracking disk = Forked().Remove([Snapshot("s")]);
        Assert.Null(disk.Points["t1"].Moment);
        DiskTracking dropped = disk.DropTip("try");
        Assert.False(dropped.Points.ContainsKey("t3"));
        Assert.False(dropped.Points.ContainsKey("t1"));
        AssertPoint(dropped, "t2", "p1", "over", floor: 700, new SegmentSource.Bitmap("base", "a", "s1"), new SegmentSource.Bitmap("over", "mt-2", null));
        Assert.Same(dropped, dropped.DropTip("nosuch"));
    }

    [Fact]
    public void ANamelessPointGoesWithTheLastThatHangsFromIt()
    {
        // What a snapshot leaves that was not kept: a nameless point with one child alone.
        TrackingLayer above = new("above", "/images/above", null);
        DiskTracking disk = Forked().Freeze(null, Overlay with { BackingId = "base" }, above, Size, [new SegmentSource.Bitmap("over", "mt-2", "s2")], "mt-4", "unused", "t4");
        DiskTracking dropped = disk.Activate("try").DropTip("main");
        Assert.Equal(["p1", "t1", "t3"], dropped.Points.Keys.Order(StringComparer.Ordinal));

        DiskTracking leaf = disk.Checkpoint(Checkpoint("c"), above with { BackingId = "over" }, Size, [new SegmentSource.Bitmap("above", "mt-4", "s4")], "c", "unused", "t5").Activate("try").DropTip("main");
        Assert.Equal(["p1", "t1", "t3"], leaf.Remove([Checkpoint("c")]).Points.Keys.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("a", "b", "c")]
    [InlineData("c", "b", "a")]
    [InlineData("b", "c", "a")]
    public void TheOrderInWhichKeptPointsAreLetGoMakesNoDifference(params string[] order)
    {
        DiskTracking disk = Line("a", "b", "c").Fork("try", "p1", new TrackingLayer("fork", "/images/fork", null), Size, "mt-3", "t9").Activate("try").DropTip("main");
        string[] ids = [.. order.Select(name => disk.PointOf(Checkpoint(name))!.Id)];
        DiskTracking gone = disk.Forget([Checkpoint("a"), Checkpoint("b"), Checkpoint("c")]).LetGo(ids);
        Assert.DoesNotContain(gone.Points.Keys, ids.Contains);
    }

    [Fact]
    public void ATipWithoutAnyMomentStaysWhereItsBranchIsNotActive()
    {
        DiskTracking disk = Forked().DropTip("main").Remove([Snapshot("s"), Checkpoint("a")]);
        Assert.Null(disk.ActiveTip);
        Assert.Equal("fork", disk.Tips["try"].LayerId);
        AssertPoint(disk, "t3", null, "fork", Size, new SegmentSource.Bitmap("fork", "mt-3", null));
    }

    [Fact]
    public void APinnedPointOutlivesItsMomentAndGoesWithThePin()
    {
        DiskTracking disk = Line("a", "b", "c").Pin("t1").Remove([Checkpoint("b")]);
        Assert.True(disk.Points["t1"] is { Pinned: true, Moment: null });
        Assert.Equal(["t1", "t2"], disk.Path("p1", "t2")!.Select(point => point.Id).Order(StringComparer.Ordinal));
        DiskTracking unpinned = disk.Unpin("t1");
        Assert.False(unpinned.Points.ContainsKey("t1"));
        Assert.Equal("p1", unpinned.Points["t2"].ParentId);
        Assert.Same(unpinned, unpinned.Unpin("t1"));
        Assert.Same(unpinned, unpinned.Pin("nosuch"));
    }

    [Fact]
    public void AnUnpinnedPointThatSomethingElseNeedsStays()
    {
        DiskTracking disk = Line("a", "b", "c").Pin("t1");
        Assert.Equal(Checkpoint("b"), disk.Unpin("t1").Points["t1"].Moment);
        Assert.True(disk.Forget([Checkpoint("b")]).Unpin("t1").Points["t1"] is { Kept: true, Pinned: false });
        Assert.True(disk.Forget([Checkpoint("b")]).LetGo(["t1"]).Points["t1"] is { Kept: false, Pinned: true });
        string tip = disk.ActiveTip!.PointId;
        Assert.True(disk.Pin(tip).Unpin(tip).Points.ContainsKey(tip));
    }

    [Fact]
    public void APinnedRootKeepsTheDiskTracked()
    {
        DiskTracking disk = Line("a").Pin("p1").Remove([Checkpoint("a")]);
        Assert.Equal("p1", disk.Points[disk.ActiveTip!.PointId].ParentId);
        Assert.Empty(disk.Unpin("p1").Points);
    }

    [Fact]
    public void AKeptPointIsNeverSplicedUntilItIsLetGo()
    {
        DiskTracking disk = Line("a", "b", "c").Forget([Checkpoint("b"), Checkpoint("a")]);
        Assert.Equal([true, true], new[] { "p1", "t1" }.Select(id => disk.Points[id] is { Kept: true, Moment: null }));
        Assert.True(disk.Remove([Checkpoint("c")]).Points.ContainsKey("t1"));
        Assert.Equal(Checkpoint("b"), disk.Recall("t1", Checkpoint("b")).PointOf(Checkpoint("b"))!.Moment);
        DiskTracking gone = disk.LetGo(["t1", "p1", "t3", "nosuch"]);
        Assert.Equal(["t2", "t3"], gone.Points.Keys.Order(StringComparer.Ordinal));
        Assert.Null(gone.Points["t2"].ParentId);
        Assert.Same(disk, disk.LetGo([]));
    }

    [Fact]
    public void OnlyWhatRecordsStaysInALayersBitmaps()
    {
        DiskTracking disk = Line("a", "b").OnSidecars("base", bitmap => new SegmentSource.Sidecar(bitmap.SidecarId!));
        AssertPoint(disk, "t1", "p1", "base", Size, new SegmentSource.Sidecar("sb"));
        AssertPoint(disk, "t2", "t1", "base", Size, new SegmentSource.Bitmap("base", "b", null));
        Assert.Same(disk.Points["t1"], disk.OnSidecars("base", bitmap => bitmap).Points["t1"]);
        Assert.Equal(disk.Points["t2"], disk.OnSidecars("over", _ => new SegmentSource.Lost("no")).Points["t2"]);
    }

    [Fact]
    public void WhatLayOnAMergedLayerLiesOnTheOneBelow()
    {
        DiskTracking disk = Frozen().Checkpoint(Checkpoint("c"), Overlay with { BackingId = "base" }, Size, [new SegmentSource.Bitmap("over", "mt-2", "s2")], "c", "unused", "t5");
        DiskTracking merged = disk.Merged("over", "base", Base, opened: "mt-new", newTip: "t6");
        Assert.Equal("base", Assert.Single(merged.Layers).Key);
        Assert.Null(merged.Layers["base"].FrozenTop);
        Assert.Equal(new TrackingTip("t6", "base", "mt-new"), merged.ActiveTip);
        AssertPoint(merged, "t2", "t1", "base", Size, new SegmentSource.Sidecar("s2"));
        AssertPoint(merged, "t6", "t2", "base", Size, new SegmentSource.Bitmap("base", "mt-new", null));
        AssertPoint(merged, "t1", "p1", "base", floor: 700, new SegmentSource.Bitmap("base", "a", "s1"));
    }

    [Fact]
    public void ALayerInTheMiddleHandsItsChildrenAndItsMarkOn()
    {
        DiskTracking disk = Frozen();
        disk = disk.Freeze(Snapshot("u"), disk.Layers["over"], new TrackingLayer("top", "/images/top", null), Size, [new SegmentSource.Bitmap("over", "mt-2", null)], "mt-7", "unused", "t7");
        DiskTracking merged = disk.Merged("over", "base", disk.Layers["base"] with { FrozenTop = disk.Layers["over"].FrozenTop }, null, null);
        Assert.Equal(["base", "top"], merged.Layers.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(("base", "t2"), (merged.Layers["top"].BackingId, merged.Layers["base"].FrozenTop));
        Assert.IsType<SegmentSource.Lost>(Assert.Single(merged.Points["t2"].Sources));
        Assert.Equal(disk.ActiveTip, merged.ActiveTip);
    }

    [Fact]
    public void AForgottenLayerLeavesItsSidecars()
    {
        DiskTracking disk = Forked().Forgotten("base");
        Assert.Equal(["fork", "over"], disk.Layers.Keys.Order(StringComparer.Ordinal));
        Assert.Null(disk.Layers["fork"].BackingId);
        AssertPoint(disk, "t1", "p1", "base", floor: 700, new SegmentSource.Sidecar("s1"));
        Assert.Same(disk, disk.Forgotten("base"));
    }

    private static DiskTracking Line(params string[] names) => names.Index().Aggregate(new DiskTracking { Disk = "vda" }, (disk, one) =>
        disk.Checkpoint(Checkpoint(one.Item), Base, Size, disk.ActiveTip is { } tip ? [new SegmentSource.Bitmap("base", tip.Recording, "s" + one.Item)] : [], one.Item, "p1", $"t{one.Index + 1}"));

    // The checkpoint a (p1), the snapshot s (t1), the tip (t2).
    private static DiskTracking Frozen() => Line("a").Freeze(Snapshot("s"), Base, Overlay, Size, [new SegmentSource.Bitmap("base", "a", "s1")], "mt-2", "unused", "t2", floor: 700);

    private static DiskTracking Forked() => Frozen().Fork("try", "t1", new TrackingLayer("fork", "/images/fork", null), Size, "mt-3", "t3");

    private static void AssertPoint(DiskTracking disk, string id, string? parent, string layer, long floor, params SegmentSource[] sources)
    {
        TrackingPoint point = disk.Points[id];
        Assert.Equal((parent, layer, floor), (point.ParentId, point.LayerId, point.Floor));
        Assert.Equal(sources, point.Sources);
    }
}
