using MomentTools.Blocks;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Tests.Moments;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>What lies between any two points of a disk's tree, and where it is read from.</summary>
public sealed class ChangePathBetweenTests : IDisposable
{
    private const long Grain = TrackingProof.Granularity;
    private readonly ScratchDirectory _scratch = new();
    private readonly SegmentFile _segments;

    public ChangePathBetweenTests() => _segments = new SegmentFile(_scratch["segments"]);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void SidecarsNeedNoLookAtTheImage()
    {
        SimulatedDisk disk = Line(blocks: 3);
        ChangePath path = Between(disk, "a", "c", seen: null);
        Assert.Null(path.Doubt);
        Assert.Empty(path.Bitmaps);
        Assert.Equal([0, 1], Blocks(path.Saved));
    }

    [Theory]
    [InlineData("a", "d", new[] { 0, 1, 2 })]
    [InlineData("b", "c", new[] { 1 })]
    [InlineData("c", "c", new int[0])]
    public void TheDirectionMakesNoDifference(string from, string to, int[] blocks)
    {
        SimulatedDisk disk = Line(blocks: 4);
        Assert.Equal(blocks, Blocks(Between(disk, from, to, seen: null).Saved));
        Assert.Equal(blocks, Blocks(Between(disk, to, from, seen: null).Saved));
    }

    [Fact]
    public void BeforeALookTheAnswerIsUnknownWhereOnlyABitmapKnowsIt()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: false, "a", "b", "c");
        ChangePath blind = Between(disk, "a", "b", seen: null);
        Assert.True(blind.NeedsActiveLayer);
        Assert.NotNull(blind.Doubt);
        ChangePath path = Between(disk, "a", "b", disk.Seen);
        Assert.Null(path.Doubt);
        Assert.Equal(["a"], path.Bitmaps);
    }

    [Fact]
    public void AnotherImageThatIsThereNowChangesNothingOfWhatWasSaved()
    {
        SimulatedDisk disk = Line(blocks: 3);
        disk.Lose(disk.Tracking.ActiveTip!.Marker);
        Assert.Equal([0, 1], Blocks(Between(disk, "a", "c", disk.Seen).Saved));
        Assert.NotNull(ChangePath.Between(disk.Tracking, Point(disk, "c"), disk.Tracking.ActiveTip!.PointId, disk.Seen, _segments).Doubt);
    }

    [Fact]
    public void OverAGhostOnlyTheTwoBranchesCount()
    {
        // root - x(ghost) - { left - leftEnd, right }, each edge with a sidecar that bears its lower point's block.
        DiskTracking tree = Tree(("root", null, 0), ("x", "root", 1), ("left", "x", 2), ("leftEnd", "left", 3), ("right", "x", 4));
        Assert.Equal([2, 3, 4], Blocks(ChangePath.Between(tree, "leftEnd", "right", null, _segments).Saved));
        Assert.Equal([2, 3, 4], Blocks(ChangePath.Between(tree, "right", "leftEnd", null, _segments).Saved));
        Assert.Equal([1, 4], Blocks(ChangePath.Between(tree, "right", "root", null, _segments).Saved));
    }

    [Fact]
    public void TwoTreesHaveNothingInCommon()
    {
        DiskTracking tree = Tree(("root", null, 0), ("other", null, 1));
        Assert.Contains("missing in the metadata", ChangePath.Between(tree, "root", "other", null, _segments).Doubt, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatOneOfTheEndsHasMoreCountsAsChangedToItsEnd()
    {
        DiskTracking tree = Tree(("small", null, 0), ("large", "small", 1));
        tree = With(tree, tree.Points["small"] with { Size = 10 * Grain + 512 });
        ChangePath path = ChangePath.Between(tree, "large", "small", null, _segments);
        Assert.Equal(SimulatedDisk.Size, path.Size);
        Assert.Equal(ExtentMap.Of(new Extent(Grain, Grain), new Extent(10 * Grain + 512, SimulatedDisk.Size - 10 * Grain - 512)), path.Saved);
    }

    [Fact]
    public void AFloorOnTheWayCountsWhereBothEndsAreLarge()
    {
        DiskTracking tree = Tree(("a", null, 0), ("b", "a", 1), ("c", "b", 2));
        tree = With(tree, tree.Points["b"] with { Floor = 60 * Grain });
        Assert.Equal([1, 2, 60, 61, 62, 63], Blocks(ChangePath.Between(tree, "a", "c", null, _segments).Saved));
        Assert.Equal([2], Blocks(ChangePath.Between(tree, "b", "c", null, _segments).Saved));
    }

    [Fact]
    public void ABitmapThatWasCutWithItsDiskIsNotBelievedBeyond()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: false, "a", "b");
        ChangePath path = Between(disk, "a", "b", disk.Seen with { Size = 50 * Grain });
        Assert.Equal(Enumerable.Range(50, 14), Blocks(path.Saved));
    }

    [Fact]
    public void WhatLiesOnAnotherBranchIsReadFromItsFileUnlessASidecarHasIt()
    {
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: false, "a", "b");
        DiskTracking tree = disk.Tracking;
        TrackingLayer below = tree.Layers.Values.Single();
        string left = tree.ActiveTip!.PointId;
        // The snapshot s after b; on the branch x, which was left, the checkpoint c; the machine is on a second overlay.
        tree = tree.Freeze(Sample.Snapshot("s"), below, new TrackingLayer("x", "/images/x", null), SimulatedDisk.Size, [new SegmentSource.Bitmap(below.Id, "b", null)], "mt-1", "unused", "t1")
            .RenameTip("main", "x").Activate("x");
        tree = tree.Checkpoint(Sample.Checkpoint("c"), tree.Layers["x"], SimulatedDisk.Size, [new SegmentSource.Bitmap("x", "mt-1", null)], "c", "unused", "t2")
            .Fork("main", left, new TrackingLayer("y", "/images/y", null), SimulatedDisk.Size, "mt-2", "t3").Activate("main");
        ChangePath path = ChangePath.Between(tree, tree.PointOf(Sample.Checkpoint("b"))!.Id, tree.PointOf(Sample.Checkpoint("c"))!.Id, null, _segments);
        Assert.Null(path.Doubt);
        Assert.Equal([(below.Id, "b", left), ("x", "mt-1", "t2")], path.Frozen.Select(bitmap => (bitmap.Layer.Id, bitmap.Name, bitmap.Mark)).Order());
        Assert.Empty(path.Saved);
        // What records for a tip that was left is not closed.
        Assert.Null(FrozenBitmap.Find(tree, new SegmentSource.Bitmap("x", "c", null)));
        Assert.Null(FrozenBitmap.Find(tree, new SegmentSource.Bitmap("y", "mt-2", null)));
        Save("saved", 7);
        DiskTracking saved = tree.WithSources(left, [new SegmentSource.Bitmap(below.Id, "b", "saved")]);
        ChangePath now = ChangePath.Between(saved, saved.PointOf(Sample.Checkpoint("b"))!.Id, left, null, _segments, savedFirst: false);
        Assert.Empty(now.Frozen);
        Assert.Equal([7], Blocks(now.Saved));
    }

    private static DiskTracking With(DiskTracking tree, TrackingPoint point) =>
        tree with { Points = new Dictionary<string, TrackingPoint>(tree.Points, StringComparer.Ordinal) { [point.Id] = point } };

    private static string Point(SimulatedDisk disk, string moment) => disk.Tracking.PointOf(Sample.Checkpoint(moment))!.Id;

    private static int[] Blocks(ExtentMap map) => [.. map.SelectMany(run => Enumerable.Range((int)(run.Offset / Grain), (int)(run.Length / Grain)))];

    // Checkpoints a, b, ... whose sidecars say that the block of their number was written after them.
    private SimulatedDisk Line(int blocks)
    {
        string[] names = [.. Enumerable.Range(0, blocks).Select(number => $"{(char)('a' + number)}")];
        SimulatedDisk disk = SimulatedDisk.WithLine(sidecars: true, names);
        for (int number = 0; number + 1 < blocks; number++)
            Save("side" + names[number + 1], number);
        return disk;
    }

    private DiskTracking Tree(params (string Id, string? Parent, int Block)[] points)
    {
        foreach ((string id, _, int block) in points)
            Save("s" + id, block);
        return new DiskTracking
        {
            Disk = "vda",
            Points = points.ToDictionary(
                point => point.Id,
                point => new TrackingPoint(point.Id, point.Parent, [new SegmentSource.Sidecar("s" + point.Id)], SimulatedDisk.Size, SimulatedDisk.Size, "l", true, null),
                StringComparer.Ordinal),
        };
    }

    private void Save(string id, int block) =>
        _segments.Write(id, new Dictionary<string, Segment>(StringComparer.Ordinal) { ["vda"] = new(ExtentMap.Of(new Extent(block * Grain, Grain)), SimulatedDisk.Size, Grain) });

    private ChangePath Between(SimulatedDisk disk, string from, string to, ObservedLayer? seen) =>
        ChangePath.Between(disk.Tracking, Point(disk, from), Point(disk, to), seen, _segments);
}
