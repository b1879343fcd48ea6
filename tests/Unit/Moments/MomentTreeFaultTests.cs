using FsCheck;
using FsCheck.Fluent;
using MomentTools.Moments;
using static MomentTools.Tests.Moments.Sample;

namespace MomentTools.Tests.Moments;

/// <summary>Metadata that is wrong costs a link, never a moment.</summary>
public sealed class MomentTreeFaultTests
{
    private static readonly Dictionary<string, MomentKey> NoCurrent = [];

    [Fact]
    public void AMomentWhoseParentIsMissingIsARootAndKeepsItsRecord()
    {
        Moment orphan = Of(Checkpoint("b"), Checkpoint("gone"));
        MomentTree tree = MomentTree.Build([orphan, Of(Snapshot("gone"))], NoCurrent, out var faults);
        Assert.Equal((MomentTreeFaultKind.ParentMissing, orphan.Key), (Assert.Single(faults).Kind, faults[0].Moment));
        Assert.Contains("parent of checkpoint:b, checkpoint:gone, does not exist", faults[0].Message, StringComparison.Ordinal);
        Assert.Equal(2, tree.Roots.Count);
        Assert.Same(orphan, tree.Find(orphan.Key));
        Assert.Same(orphan, tree.Without([Snapshot("gone")]).Find(orphan.Key));
    }

    [Fact]
    public void ACircleIsCutAtItsOldest()
    {
        Moment[] moments =
        [
            Of(Checkpoint("a"), Checkpoint("c"), at: 5), Of(Checkpoint("b"), Checkpoint("a"), at: 3), Of(Checkpoint("c"), Checkpoint("b"), at: 4),
            Of(Checkpoint("d"), Checkpoint("a"), at: 0),
        ];
        foreach (IEnumerable<Moment> order in new[] { moments, moments.Reverse() })
        {
            MomentTree tree = MomentTree.Build(order, NoCurrent, out var faults);
            MomentTreeFault fault = Assert.Single(faults);
            Assert.Equal((MomentTreeFaultKind.Cycle, Checkpoint("b")), (fault.Kind, fault.Moment));
            Assert.Equal(["b", "c", "a", "d"], tree.All.Select(moment => moment.Name));
            Assert.Equal(["b", "c", "a", "d"], tree.Path(tree.Find(Checkpoint("d"))!).Select(moment => moment.Name));
        }
    }

    [Fact]
    public void AMomentThatIsItsOwnParentIsARoot()
    {
        MomentTree tree = MomentTree.Build([Of(Checkpoint("a"), Checkpoint("a"))], NoCurrent, out var faults);
        Assert.Equal(MomentTreeFaultKind.Cycle, Assert.Single(faults).Kind);
        Assert.Equal("a", Assert.Single(tree.Roots).Name);
    }

    [Fact]
    public void OfTwoWithTheSameKeyTheFirstIsKept()
    {
        MomentTree tree = MomentTree.Build([Of(Checkpoint("a"), at: 1), Of(Checkpoint("a"), at: 2), Of(Snapshot("a"))], NoCurrent, out var faults);
        Assert.Equal((MomentTreeFaultKind.Duplicate, Checkpoint("a")), (Assert.Single(faults).Kind, faults[0].Moment));
        Assert.Equal(Start.AddMinutes(1), tree.Find(Checkpoint("a"))!.Created);
        Assert.Equal(2, tree.Count);
    }

    [Fact]
    public void ADiskWhoseCurrentMomentIsMissingHasNone()
    {
        var current = new Dictionary<string, MomentKey> { ["vda"] = Checkpoint("gone"), ["vdb"] = Checkpoint("a") };
        MomentTree tree = MomentTree.Build([Of(Checkpoint("a"))], current, out var faults);
        Assert.Equal(MomentTreeFaultKind.CurrentMissing, Assert.Single(faults).Kind);
        Assert.Contains("disk vda, checkpoint:gone,", faults[0].Message, StringComparison.Ordinal);
        Assert.Equal("vdb", Assert.Single(tree.CurrentByDisk).Key);
    }

    [Fact]
    public void ARootThatWasCutFromACircleDoesNotPointToARemovedMoment()
    {
        MomentTree tree = MomentTree.Build([Of(Checkpoint("a"), Checkpoint("b")), Of(Checkpoint("b"), Checkpoint("a"), at: 1)], NoCurrent, out _);
        Moment left = Assert.Single(tree.Without([Checkpoint("b")]).All);
        Assert.Null(left.Parent);
    }

    [Fact]
    public void NothingIsLostWhateverTheParentsAre() =>
        Prop.ForAll(Gen.Choose(0, 8).ArrayOf(7).ToArbitrary(), parents =>
        {
            // Parents 0 to 6 are moments, 7 is missing, 8 means none.
            Moment[] moments = [.. parents.Select((parent, index) => Of(Checkpoint($"{index}"), parent == 8 ? null : Checkpoint($"{parent}"), at: index * 5 % 7))];
            MomentTree tree = MomentTree.Build(moments, NoCurrent, out var faults);
            Assert.Equal(moments.Select(moment => moment.Key).ToHashSet(), tree.All.Select(moment => moment.Key).ToHashSet());
            Assert.Equal(moments.Length, tree.Count);
            Assert.Equal(parents.Count(parent => parent == 7), faults.Count(fault => fault.Kind == MomentTreeFaultKind.ParentMissing));

            HashSet<MomentKey> cut = [.. faults.Select(fault => fault.Moment)];
            Assert.Equal(faults.Count, cut.Count);
            Assert.All(tree.All, moment => Assert.Equal(cut.Contains(moment.Key) ? null : moment.Parent, tree.Parent(moment)?.Key));
            // Only links in a circle are cut: from the cut moment the recorded parents lead back to it, and to none older.
            foreach (MomentTreeFault fault in faults.Where(fault => fault.Kind == MomentTreeFaultKind.Cycle))
            {
                int start = int.Parse(fault.Moment.Name, null), at = parents[start];
                for (int steps = 0; at != start; at = parents[at])
                {
                    Assert.True(++steps < 7 && at < 7);
                    Assert.True(start * 5 % 7 < at * 5 % 7);
                }
            }
        }).QuickCheckThrowOnFailure();
}
