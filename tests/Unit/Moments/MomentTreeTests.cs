using FsCheck;
using FsCheck.Fluent;
using MomentTools.Errors;
using MomentTools.Moments;
using static MomentTools.Tests.Moments.Sample;

namespace MomentTools.Tests.Moments;

/// <summary>The tree against loops over all pairs of a random forest, and the few cases worth a name.</summary>
public sealed class MomentTreeTests
{
    private static readonly string[] Disks = ["vda", "vdb", "vdc"];

    [Fact]
    public void EveryQuestionHasTheAnswerOfTheNaiveModel() => ForAnyForest(forest => AssertSame(forest, forest.Build()));

    [Fact]
    public void ProjectionJoinsWhatIsSeenOverWhatIsNot() => ForAnyForest(forest =>
    {
        foreach (MomentKind kind in Enum.GetValues<MomentKind>())
            AssertSame(forest.Keep(moment => moment.Kind == kind), forest.Build().Project(kind));
    });

    [Fact]
    public void RemovalGivesChildrenAndCurrentToTheNearestThatRemains() =>
        Prop.ForAll(RandomForest.Arbitrary, Gen.Choose(0, int.MaxValue).ToArbitrary(), (forest, seed) =>
        {
            var random = new Random(seed);
            HashSet<MomentKey> removed = [.. forest.Moments.Select(moment => moment.Key).Where(_ => random.Next(2) == 0), Checkpoint("nowhere")];
            MomentTree after = forest.Build().Without(removed);
            AssertSame(forest.Keep(moment => !removed.Contains(moment.Key)), after);
            MomentTree reread = MomentTree.Build(after.All, after.CurrentByDisk, out IReadOnlyList<MomentTreeFault> faults);
            Assert.Empty(faults);
            Assert.Equal(after.All, reread.All);
            Assert.Equal(after.Current, reread.Current);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void RemovalLeavesTheRecordsOfOthersAlone() => ForAnyForest(forest =>
    {
        if (forest.Moments.Count == 0)
            return;
        MomentKey removed = forest.Moments[0].Key;
        MomentTree after = forest.Build().Without([removed]);
        Assert.All(after.All, moment => Assert.Equal(forest.ParentOf[moment.Key] != removed, ReferenceEquals(moment, forest.Get(moment.Key))));
    });

    [Fact]
    public void TheNewestCurrentIsBelowAllThatAreAboveIt() => ForAnyForest(forest =>
    {
        MomentTree tree = forest.Build();
        for (int mask = 0; mask < 8; mask++)
        {
            List<string> disks = [.. Disks.Where((_, index) => (mask >> index & 1) == 1)];
            List<MomentKey> candidates = [.. disks.Where(forest.Current.ContainsKey).Select(disk => forest.Current[disk])];
            IEnumerable<Moment> lowest = candidates.Where(key => !candidates.Exists(other => forest.Above(other).Contains(key))).Select(forest.Get);
            Assert.Equal(RandomForest.Sorted(lowest).LastOrDefault(), tree.NewestCurrent(disks));
        }
    });

    [Fact]
    public void TheOrderOfTheInputDoesNotMatter() => ForAnyForest(forest =>
        Assert.Equal(forest.Build().All, MomentTree.Build(forest.Moments.AsEnumerable().Reverse(), forest.Current, out _).All));

    [Fact]
    public void DisksThatDisagreeLeaveTheDomainWithoutACurrentMoment()
    {
        var moments = new[] { Of(Checkpoint("a")), Of(Snapshot("b"), Checkpoint("a")) };
        MomentTree tree = TreeOf(moments, ("vda", Snapshot("b")), ("vdb", Checkpoint("a")));
        Assert.Null(tree.Current);
        Assert.All(tree.All, moment => Assert.True(tree.IsCurrent(moment)));
        Assert.Equal(Checkpoint("a"), tree.Project(MomentKind.Checkpoint).Current?.Key);
        Assert.Equal(Snapshot("b"), tree.NewestCurrent(["vda", "vdb"])?.Key);
        Assert.Null(tree.NewestCurrent(["vdz"]));
    }

    [Fact]
    public void BelowIsNewerThanAboveWhateverTheClockSays()
    {
        MomentTree tree = TreeOf([Of(Checkpoint("a"), at: 100), Of(Checkpoint("b"), Checkpoint("a"), at: 1)], ("vda", Checkpoint("a")), ("vdb", Checkpoint("b")));
        Assert.Equal("b", tree.NewestCurrent(["vda", "vdb"])?.Name);
    }

    [Fact]
    public void TwinsAreToldApartByTheirKind()
    {
        MomentTree tree = TreeOf([Of(Checkpoint("x")), Of(Snapshot("x"), Checkpoint("x")), Of(Checkpoint("y"), Snapshot("x"))]);
        Assert.Equal([Checkpoint("x"), Snapshot("x")], tree.FindByName("x").Select(moment => moment.Key));
        Assert.Equal([Snapshot("x")], tree.FindByName("Snapshot:x").Select(moment => moment.Key));
        Assert.Empty(tree.FindByName("X"));
        Assert.Equal("checkpoint:x", tree.Require("checkpoint:x").Key.ToString());
        var ambiguous = Assert.Throws<MomentException>(() => tree.Require("x"));
        Assert.Equal(MomentErrors.MomentAmbiguous, ambiguous.ErrorId);
        Assert.Contains("checkpoint:x and snapshot:x", ambiguous.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ANameThatReadsLikeAnAddressIsFoundAndNotGuessedAt()
    {
        MomentTree tree = TreeOf([Of(Snapshot("checkpoint:x"))]);
        Assert.Equal(Snapshot("checkpoint:x"), tree.Require("checkpoint:x").Key);
        Assert.Equal(2, TreeOf([Of(Snapshot("checkpoint:x")), Of(Checkpoint("x"))]).FindByName("checkpoint:x").Count);
    }

    [Theory]
    [InlineData("Monday", "Did you mean checkpoint:monday or snapshot:monday?")]
    [InlineData("mnoday", "Did you mean checkpoint:monday or snapshot:monday?")]
    [InlineData("snapshot:clear", "Did you mean snapshot:clean?")]
    [InlineData("clean2", "Did you mean clean?")]
    [InlineData("claen", "Did you mean clean?")]
    [InlineData("zzzzzz", "Get-VMMoment lists the moments of the domain.")]
    public void AnUnknownNameIsAnsweredWithTheNearest(string name, string advice)
    {
        MomentTree tree = TreeOf([Of(Checkpoint("monday")), Of(Snapshot("monday")), Of(Snapshot("clean"))]);
        var missing = Assert.Throws<MomentException>(() => tree.Require(name));
        Assert.Equal(MomentErrors.MomentNotFound, missing.ErrorId);
        Assert.Equal(name, missing.Target);
        Assert.Equal(advice, missing.Advice);
        Assert.StartsWith($"There is no moment '{name}'.", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnknownNameIsSaidWithTheDomainAndTheKind()
    {
        MomentTree tree = TreeOf([Of(Checkpoint("monday"))]).With("web1", []);
        Assert.StartsWith("Domain 'web1' has no moment 'x'.", Assert.Throws<MomentException>(() => tree.Require("x")).Message, StringComparison.Ordinal);
        MomentException ofKind = MomentErrors.NotFound("x", tree.Project(MomentKind.Snapshot), MomentKind.Snapshot);
        Assert.StartsWith("Domain 'web1' has no snapshot 'x'.", ofKind.Message, StringComparison.Ordinal);
        Assert.Equal("The domain has no snapshots yet.", ofKind.Advice);
    }

    [Fact]
    public void AMomentOfAnotherTreeIsRefused() =>
        Assert.Throws<ArgumentException>(() => TreeOf([Of(Checkpoint("a"))]).Parent(Of(Checkpoint("b"))));

    [Fact]
    public void MomentsAreEqualByValueDisksIncluded()
    {
        Moment one = Of(Checkpoint("a")) with { Disks = [new MomentDisk("vda", true, "p1", null, 5)] };
        Assert.Equal(one, one with { Disks = [new MomentDisk("vda", true, "p1", null, 5)] });
        Assert.NotEqual(one, one with { Disks = [new MomentDisk("vda", true, "p2", null, 5)] });
        Assert.NotEqual(one, one with { Disks = [] });
        Assert.NotEqual(one, one with { Description = "other" });
        Assert.NotEqual(one, one with { Parent = Snapshot("b") });
        Assert.NotEqual(one, one with { HasMetadata = false });
    }

    private static void ForAnyForest(Action<RandomForest> check) => Prop.ForAll(RandomForest.Arbitrary, check).QuickCheckThrowOnFailure();

    private static void AssertSame(RandomForest model, MomentTree tree)
    {
        Assert.Equal(model.Moments.Count, tree.Count);
        Assert.Equal(model.Current, tree.CurrentByDisk.ToDictionary());
        Assert.Equal(model.Current.Values.Distinct().Count() == 1 ? model.Current.Values.First() : null, tree.Current?.Key);
        Assert.Equal(RandomForest.Sorted(model.Moments.Where(moment => moment.Parent is null)), tree.Roots);
        Assert.Equal(InTreeOrder(model), tree.All.Select(moment => moment.Key));
        foreach (Moment moment in model.Moments)
        {
            MomentKey key = moment.Key;
            Assert.Equal(moment, tree.Find(key));
            Assert.Equal(moment.Parent, tree.Parent(moment)?.Key);
            Assert.Equal(model.Children(key), tree.Children(moment).Select(child => child.Key));
            Assert.Equal(model.Children(key).Any(), tree.HasChildren(moment));
            Assert.Equal(model.Descendants(key), tree.Descendants(moment).Select(below => below.Key).ToHashSet());
            Assert.Equal(model.Descendants(key).Count, tree.Descendants(moment).Count);
            Assert.Equal(model.Above(key).AsEnumerable().Reverse().Append(key), tree.Path(moment).Select(step => step.Key));
            Assert.Equal(model.Current.ContainsValue(key), tree.IsCurrent(moment));
        }
    }

    private static List<MomentKey> InTreeOrder(RandomForest model)
    {
        var order = new List<MomentKey>();
        foreach (Moment root in RandomForest.Sorted(model.Moments.Where(moment => moment.Parent is null)))
            Visit(root.Key);
        return order;

        void Visit(MomentKey key)
        {
            order.Add(key);
            foreach (MomentKey child in model.Children(key))
                Visit(child);
        }
    }
}
