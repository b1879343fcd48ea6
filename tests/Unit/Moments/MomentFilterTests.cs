using FsCheck;
using FsCheck.Fluent;
using MomentTools.Errors;
using MomentTools.Moments;
using static MomentTools.Tests.Moments.Sample;

namespace MomentTools.Tests.Moments;

/// <summary>Filters against a predicate spelled out on the naive model, every combination of the switches included.</summary>
public sealed class MomentFilterTests
{
    // Bits: roots, leaves, no-leaves, current, no-current, metadata, no-metadata, online, offline, disk-only, internal, external, topological.
    private const int Switches = 13;

    [Fact]
    public void EveryCombinationOfSwitchesMeansWhatItSays()
    {
        RandomForest forest = Gen.Sample(RandomForest.Arbitrary.Generator, 200).First(candidate => candidate.Moments.Count > 9 && candidate.Current.Count > 1);
        MomentTree tree = forest.Build();
        for (int bits = 0; bits < 1 << Switches; bits++)
            Check(forest, tree, FromBits(bits));
    }

    [Fact]
    public void KindsFromDescendantsAndNamesCombineWithAnySwitches()
    {
        var choices = from bits in Gen.Choose(0, (1 << Switches) - 1)
                      from mask in Gen.Choose(0, (1 << Switches) - 1)
                      from other in Gen.Choose(0, (1 << Switches) - 1)
                      from kind in Gen.Elements<MomentKind?>(null, MomentKind.Checkpoint, MomentKind.Snapshot)
                      from start in Gen.Choose(-10, 13)
                      from descendants in Gen.Elements(false, true)
                      from names in Gen.Elements<string[]>([], ["*"], ["d*"], ["Day0", "day[12]"], ["DAY1"], ["snapshot:*"], ["checkpoint:day?", "Day3"])
                      // Fewer switches at once let more moments through.
                      select (Filter: FromBits(bits & mask & other) with { Kind = kind, Names = names }, start, descendants);
        Prop.ForAll(RandomForest.Arbitrary, choices.ToArbitrary(), (forest, choice) =>
        {
            MomentFilter filter = choice.Filter;
            if (choice.start >= 0 && choice.start < forest.Moments.Count)
                filter = filter with { Roots = false, From = forest.Moments[choice.start].Key, Descendants = choice.descendants };
            Check(forest, forest.Build(), filter);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void LeavesAreThoseOfTheKindThatIsSeen()
    {
        MomentTree tree = TreeOf([Of(Checkpoint("a")), Of(Snapshot("b"), Checkpoint("a"))], ("vda", Snapshot("b")));
        Assert.Equal(["b"], Names(new MomentFilter { Leaves = true }, tree));
        Assert.Equal(["a"], Names(new MomentFilter { Leaves = true, Kind = MomentKind.Checkpoint }, tree));
        Assert.Equal(["a"], Names(new MomentFilter { Current = true, Kind = MomentKind.Checkpoint }, tree));
        Assert.Equal(["b"], Names(new MomentFilter { Roots = true, Kind = MomentKind.Snapshot }, tree));
    }

    [Fact]
    public void AMomentOfTheKindThatIsNotSeenCanBeTheStart()
    {
        Moment[] moments =
        [
            Of(Checkpoint("a")), Of(Snapshot("b"), Checkpoint("a")), Of(Checkpoint("c"), Snapshot("b")),
            Of(Snapshot("d"), Checkpoint("c")), Of(Snapshot("e"), Checkpoint("a"), at: 1),
        ];
        var filter = new MomentFilter { Kind = MomentKind.Snapshot, From = Checkpoint("a") };
        Assert.Equal(["b", "e"], Names(filter, TreeOf(moments)));
        Assert.Equal(["b", "d", "e"], Names(filter with { Descendants = true }, TreeOf(moments)));
    }

    [Fact]
    public void AnExactNameKeepsItsCaseAndAWildcardDoesNot()
    {
        MomentTree tree = TreeOf([Of(Snapshot("Clean")), Of(Snapshot("a[1]"), at: 1)]);
        Assert.Empty(Names(new MomentFilter { Names = ["clean"] }, tree));
        Assert.Equal(["Clean"], Names(new MomentFilter { Names = ["clea?"] }, tree));
        Assert.Equal(["a[1]"], Names(new MomentFilter { Names = ["a[1]"] }, tree));
    }

    [Fact]
    public void OnlyThreeQuestionsAreErrors()
    {
        MomentTree tree = TreeOf([Of(Checkpoint("monday"))]);
        Assert.Equal(MomentErrors.MomentFilterInvalid, Refusal(new MomentFilter { Roots = true, From = Checkpoint("monday") }).ErrorId);
        Assert.Equal(MomentErrors.MomentFilterInvalid, Refusal(new MomentFilter { Descendants = true }).ErrorId);
        MomentException missing = Refusal(new MomentFilter { From = Snapshot("monday") });
        Assert.Equal(MomentErrors.MomentNotFound, missing.ErrorId);
        Assert.Equal("Did you mean checkpoint:monday?", missing.Advice);

        MomentException Refusal(MomentFilter filter) => Assert.Throws<MomentException>(() => filter.Apply(tree));
    }

    private static IEnumerable<string> Names(MomentFilter filter, MomentTree tree) => filter.Apply(tree).Select(moment => moment.Name);

    private static MomentFilter FromBits(int bits)
    {
        int bit = 0;
        return new MomentFilter
        {
            Roots = Next(), Leaves = Next(), NoLeaves = Next(), Current = Next(), NoCurrent = Next(), Metadata = Next(), NoMetadata = Next(),
            Online = Next(), Offline = Next(), DiskOnly = Next(), Internal = Next(), External = Next(), Topological = Next(),
        };

        bool Next() => (bits >> bit++ & 1) == 1;
    }

    private static void Check(RandomForest forest, MomentTree tree, MomentFilter filter)
    {
        bool snapshots = filter.Online || filter.Offline || filter.DiskOnly || filter.Internal || filter.External;
        bool Seen(Moment moment) => (filter.Kind is null || moment.Kind == filter.Kind) && (!snapshots || moment.Kind == MomentKind.Snapshot);
        RandomForest view = forest.Keep(Seen);

        List<Moment> expected = [.. view.Moments.Where(moment => InScope(moment) && Named(moment) && Passes(moment))];
        IReadOnlyList<Moment> found = filter.Apply(tree);
        if (!filter.Topological)
        {
            Assert.Equal(RandomForest.Sorted(expected), found);
            return;
        }

        Assert.Equal(expected.ToHashSet(), found.ToHashSet());
        Assert.Equal(view.Build().All.Where(expected.Contains), found);

        bool Passes(Moment moment)
        {
            bool leaf = !view.Children(moment.Key).Any();
            bool current = view.Current.ContainsValue(moment.Key);
            return (!filter.Roots || moment.Parent is null)
                && ((!filter.Leaves && !filter.NoLeaves) || (filter.Leaves && leaf) || (filter.NoLeaves && !leaf))
                && ((!filter.Current && !filter.NoCurrent) || (filter.Current && current) || (filter.NoCurrent && !current))
                && ((!filter.Metadata && !filter.NoMetadata) || (filter.Metadata && moment.HasMetadata) || (filter.NoMetadata && !moment.HasMetadata))
                && ((!filter.Online && !filter.Offline && !filter.DiskOnly)
                    || (filter.Online && (moment.State == SnapshotState.Running || moment.State == SnapshotState.Paused))
                    || (filter.Offline && moment.State == SnapshotState.Shutoff)
                    || (filter.DiskOnly && moment.State == SnapshotState.DiskSnapshot))
                && ((!filter.Internal && !filter.External)
                    || (filter.Internal && moment.Location == SnapshotLocation.Internal)
                    || (filter.External && moment.Location == SnapshotLocation.External));
        }

        bool InScope(Moment moment)
        {
            if (filter.From is not { } from)
                return true;
            List<MomentKey> above = forest.Above(moment.Key);
            int at = above.IndexOf(from);
            return at >= 0 && (filter.Descendants || !above.Take(at).Any(key => Seen(forest.Get(key))));
        }

        // The names of a random forest are Day0, day1, day2, Day3, ... so each pattern in use can be spelled out.
        bool Named(Moment moment) => filter.Names.Count == 0 || filter.Names.Any(name => name switch
        {
            "*" or "d*" => true,
            "Day0" => moment.Name == "Day0",
            "Day3" => moment.Name == "Day3",
            "DAY1" => false,
            "day[12]" => moment.Name is "day1" or "day2",
            "snapshot:*" => moment.Kind == MomentKind.Snapshot,
            "checkpoint:day?" => moment.Kind == MomentKind.Checkpoint,
            _ => throw new ArgumentOutOfRangeException(nameof(filter), name, "Not spelled out."),
        });
    }
}
