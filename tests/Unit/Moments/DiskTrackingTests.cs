using FsCheck;
using FsCheck.Fluent;
using MomentTools.Moments;

namespace MomentTools.Tests.Moments;

/// <summary>The tree of one disk against a model that forgets nothing: rows C3 and B3.</summary>
public sealed class DiskTrackingTests
{
    [Fact]
    public void EveryAnswerIsWhatWasRecordedOnTheWayWhateverWasRemoved() => AfterEveryStep(model =>
    {
        foreach ((TrackingPoint from, TrackingPoint to) in Pairs(model.Tracking))
        {
            IReadOnlyList<TrackingPoint> path = model.Tracking.Path(from.Id, to.Id)!;
            HashSet<SegmentSource> sources = [.. path.SelectMany(point => point.Sources)];
            Assert.Equal(model.Between(from.Id, to.Id), sources);
            if (!sources.OfType<SegmentSource.Lost>().Any())
                Assert.Superset(model.Differing(from.Id, to.Id), model.Union(sources));
            long floor = path.Aggregate(Math.Min(from.Size, to.Size), (least, point) => Math.Min(least, point.Floor));
            Assert.True(floor <= model.LeastSize(from.Id, to.Id), $"from {from.Id} to {to.Id}: {floor}");
        }
    });

    [Fact]
    public void APathIsTheSameInBothDirections() => AfterEveryStep(model =>
    {
        foreach ((TrackingPoint from, TrackingPoint to) in Pairs(model.Tracking))
            Assert.Equal(model.Tracking.Path(from.Id, to.Id)!.Reverse(), model.Tracking.Path(to.Id, from.Id)!);
    });

    [Fact]
    public void TheInvariantsHoldAfterEveryStep() => AfterEveryStep(model =>
    {
        DiskTracking tracking = model.Tracking;
        Assert.True(tracking.Points.Values.Count(point => point.ParentId is null) == (tracking.Points.Count == 0 ? 0 : 1), "I1: one root");
        Assert.All(tracking.Points.Values, point => Assert.True(point.ParentId is null || tracking.Points.ContainsKey(point.ParentId), "I1: no link leads nowhere"));
        foreach (TrackingTip tip in tracking.Tips.Values)
        {
            if (tip.Saved is null)
                Assert.Contains(new SegmentSource.Bitmap(tip.LayerId, tip.Recording, null), tracking.Points[tip.PointId].Sources);
            else
                Assert.Equal("", tip.Recording);
            Assert.Null(tracking.Points[tip.PointId].Moment);
            Assert.Empty(Children(tracking, tip.PointId));
        }

        foreach (SegmentSource.Bitmap bitmap in tracking.Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>())
        {
            Assert.True(model.Exists(bitmap) && tracking.Layers.ContainsKey(bitmap.LayerId), "I3: every bitmap exists, on a known layer");
            Assert.True(tracking.References(bitmap.LayerId)[bitmap.Name] == 1, "I5: no bitmap serves two edges");
            Assert.True(bitmap.SidecarId is not null || tracking.Tips.Values.Any(tip => tip.LayerId == bitmap.LayerId && tip.Recording == bitmap.Name), "I4: only a tip's bitmap records");
        }

        HashSet<string> tips = [.. tracking.Tips.Values.Select(tip => tip.PointId)];
        Assert.All(tracking.Points.Values.Where(point => point is { Moment: null, Kept: false, Pinned: false } && !tips.Contains(point.Id)), ghost => Assert.True(Children(tracking, ghost.Id).Count() >= 2, "I6: a ghost branches"));
    });

    [Fact]
    public void APinnedPointStaysUntilItIsUnpinnedWhateverWasRemoved() => AfterEveryStep(model =>
        Assert.Equal(model.Pinned.Order(StringComparer.Ordinal), model.Tracking.Points.Values.Where(point => point.Pinned).Select(point => point.Id).Order(StringComparer.Ordinal)));

    [Fact]
    public void APinThatIsGoneLeavesNoTrace() => AfterEveryStep(model =>
    {
        foreach (TrackingPoint point in model.Tracking.Points.Values.Where(point => point is { Moment: not null, Pinned: false }))
        {
            DiskTracking plain = model.Tracking.Remove(point.Id), pinned = model.Tracking.Pin(point.Id).Remove(point.Id);
            Assert.True(pinned.Points[point.Id] is { Pinned: true, Moment: null });
            DiskTracking unpinned = pinned.Unpin(point.Id);
            Assert.Equal(plain.Points.Keys.Order(StringComparer.Ordinal), unpinned.Points.Keys.Order(StringComparer.Ordinal));
            Assert.Equal(plain.Tips, unpinned.Tips);
            Assert.All(plain.Points.Values, left => Assert.Equal(
                (left.ParentId, left.Floor, left.Size, left.Moment, left.Pinned, string.Join(' ', left.Sources)),
                unpinned.Points[left.Id] is var right ? (right.ParentId, right.Floor, right.Size, right.Moment, right.Pinned, string.Join(' ', right.Sources)) : default));
        }
    });

    [Fact]
    public void TheRootsEdgeGoesWithIt()
    {
        DiskTracking tracking = Line("a", "b");
        DiskTracking without = tracking.Remove(tracking.PointOf(Sample.Checkpoint("a"))!.Id);
        TrackingPoint root = without.PointOf(Sample.Checkpoint("b"))!;
        Assert.Null(root.ParentId);
        Assert.Empty(root.Sources);
        Assert.Equal(Sample.Checkpoint("b"), without.Current);
    }

    [Fact]
    public void WithoutItsLastMomentTheDiskIsUntracked()
    {
        DiskTracking tracking = Line("a");
        DiskTracking without = tracking.Remove(tracking.PointOf(Sample.Checkpoint("a"))!.Id);
        Assert.Empty(without.Points);
        Assert.Null(without.ActiveTip);
        Assert.Null(without.Current);
    }

    [Fact]
    public void PointsInACircleAreNoEndlessWay()
    {
        DiskTracking tracking = Line("a", "b");
        TrackingPoint a = tracking.PointOf(Sample.Checkpoint("a"))!, b = tracking.PointOf(Sample.Checkpoint("b"))!;
        var circle = tracking with
        {
            Points = new Dictionary<string, TrackingPoint>(tracking.Points, StringComparer.Ordinal) { [a.Id] = a with { ParentId = b.Id, Moment = null }, [b.Id] = b with { Moment = null } },
        };
        Assert.Null(circle.Current);
        Assert.Null(circle.Path(a.Id, "elsewhere"));
    }

    private static DiskTracking Line(params string[] names) => names.Aggregate(new DiskTracking { Disk = "vda" }, (tracking, name) =>
        tracking.Checkpoint(
            Sample.Checkpoint(name), new TrackingLayer("l", "/images/l", null), 1 << 20,
            tracking.ActiveTip is { } tip ? [new SegmentSource.Bitmap("l", tip.Recording, "s" + name)] : [], name, "p" + name, "t" + name));

    private static IEnumerable<TrackingPoint> Children(DiskTracking tracking, string id) => tracking.Points.Values.Where(point => point.ParentId == id);

    private static IEnumerable<(TrackingPoint From, TrackingPoint To)> Pairs(DiskTracking tracking) =>
        tracking.Points.Values.SelectMany(from => tracking.Points.Values.Where(to => string.CompareOrdinal(from.Id, to.Id) < 0).Select(to => (from, to)));

    private static void AfterEveryStep(Action<TrackingModel> check) => Prop.ForAll(Gen.Choose(0, 511).Select(number => (uint)number).ListOf().ToArbitrary(), steps =>
    {
        var model = new TrackingModel();
        foreach (uint step in steps)
        {
            model.Do(step);
            check(model);
        }
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(200).WithEndSize(60));
}
