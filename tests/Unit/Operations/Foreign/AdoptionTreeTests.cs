using MomentTools.Moments;

namespace MomentTools.Tests.Operations.Foreign;

/// <summary>What adopting does to a disk's tree, and that an adopted moment goes as a leaf.</summary>
public sealed class AdoptionTreeTests
{
    private static readonly TrackingLayer Layer = new("L", "/vda.qcow2", null);
    private static readonly SegmentSource Own = new SegmentSource.Bitmap("L", "own", "s0");

    [Fact]
    public void OnADiskThatWasNotTrackedANamelessPointIsTheRoot()
    {
        DiskTracking disk = Adopted(new DiskTracking { Disk = "vda" }, "c");
        TrackingPoint root = disk.Points["x"], leaf = disk.PointOf(Key("c"))!;
        Assert.Equal((null, null), (root.ParentId, root.Moment));
        Assert.Equal("x", leaf.ParentId);
        Assert.Equal("mt-1", disk.ActiveTip!.Recording);
        Assert.Equal(["c", "mt-1"], Bitmaps(disk.Path(leaf.Id, disk.ActiveTip.PointId)!));

        DiskTracking without = disk.Remove([Key("c")]);
        Assert.Null(without.ActiveTip);
        Assert.Empty(without.Points);
    }

    [Fact]
    public void TheNamelessPointStaysAsLongAsItBranches()
    {
        DiskTracking disk = Adopted(new DiskTracking { Disk = "vda" }, "c", "d").Remove([Key("c")]);
        Assert.Equal(["d", "mt-1"], Bitmaps(disk.Path(disk.PointOf(Key("d"))!.Id, disk.ActiveTip!.PointId)!));
        Assert.Equal(3, disk.Points.Count);
    }

    [Fact]
    public void OnATrackedDiskTheTipBecomesThePointAndVanishesWithTheLastLeaf()
    {
        DiskTracking before = new DiskTracking { Disk = "vda" }.Checkpoint(Key("a"), Layer, 100, [], "own", "p", "t");
        DiskTracking disk = Adopted(before, "c");
        Assert.Null(disk.Points["t"].Moment);
        Assert.Equal(["own", "mt-1"], Bitmaps(disk.Path("p", disk.ActiveTip!.PointId)!));
        Assert.Equal(["c", "own"], Bitmaps(disk.Path(disk.PointOf(Key("c"))!.Id, "p")!));

        DiskTracking without = disk.Remove([Key("c")]);
        Assert.Equal(2, without.Points.Count);
        Assert.Equal(["own", "mt-1"], Bitmaps(without.Path("p", without.ActiveTip!.PointId)!));
    }

    private static DiskTracking Adopted(DiskTracking disk, params string[] names) => disk.Adopt(
        names.Select(name => new TrackingPoint("p" + name, null, [new SegmentSource.Bitmap("L", name, "s" + name)], 100, 100, "L", true, Key(name))), Layer, 100, [Own], "mt-1", "x", "tip");

    private static IEnumerable<string> Bitmaps(IEnumerable<TrackingPoint> edges) => edges.SelectMany(edge => edge.Sources).OfType<SegmentSource.Bitmap>().Select(source => source.Name);

    private static MomentKey Key(string name) => new(MomentKind.Checkpoint, name);
}
