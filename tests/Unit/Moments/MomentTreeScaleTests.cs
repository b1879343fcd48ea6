using MomentTools.Moments;
using MomentTools.Tests.Support;
using static MomentTools.Tests.Moments.Sample;

namespace MomentTools.Tests.Moments;

/// <summary>Thousands of moments cost what thousands of lines cost: no square of the number, no deep stack.</summary>
public sealed class MomentTreeScaleTests
{
    // Seven times and more what a slow machine needs, and well below what copying 100,000 lists of 100,000 takes.
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData("chain", 10_000)]
    [InlineData("star", 10_000)]
    [InlineData("chain", 100_000)]
    [InlineData("star", 100_000)]
    public void BigTreesAreFast(string shape, int count)
    {
        MomentKey[] keys = [.. Enumerable.Range(0, count).Select(number => new MomentKey((MomentKind)(number % 2), $"m{number}"))];
        List<Moment> moments = [.. keys.Select((key, index) => Of(key, index == 0 ? null : keys[shape == "chain" ? index - 1 : 0], at: index))];
        var current = new Dictionary<string, MomentKey> { ["vda"] = keys[^1], ["vdb"] = keys[count / 2] };
        Quick.Within(count > 10_000 ? Bound * 4 : Bound, () =>
        {
            MomentTree tree = MomentTree.Build(moments, current, out var faults);
            Assert.Empty(faults);
            Assert.Equal(count - 1, tree.Descendants(moments[0]).Count);
            Assert.Equal(shape == "chain" ? count : 2, tree.Path(moments[^1]).Count);
            Assert.Equal(count / 2, tree.Project(MomentKind.Snapshot).Count);
            Assert.Equal(count - 2, tree.Without([keys[0], keys[1]]).Count);
            Assert.Equal(count, new MomentFilter { Topological = true }.Apply(tree).Count);
            Assert.Equal(count - 1, new MomentFilter { From = keys[0], Descendants = true }.Apply(tree).Count);
            Assert.Equal(count + 2, MomentTreeDrawing.Draw(tree, Start).Count);
            Assert.Equal(count, tree.All.Count(moment => tree.Children(moment).Count >= 0 && tree.FindByName(moment.Name).Count == 1));
        });
    }

    [Fact]
    public void ACircleOfAllMomentsIsCutWithoutWalkingItTwice()
    {
        const int Count = 100_000;
        List<Moment> moments = [.. Enumerable.Range(0, Count).Select(number => Of(Checkpoint($"m{number}"), Checkpoint($"m{(number + 1) % Count}"), at: number))];
        Quick.Within(Bound, () =>
        {
            MomentTree tree = MomentTree.Build(moments, new Dictionary<string, MomentKey>(), out var faults);
            Assert.Single(faults);
            Assert.Equal("m0", tree.Roots[0].Name);
            Assert.Equal(Count, tree.Path(tree.All[^1]).Count);
        });
    }
}
