using FsCheck;
using FsCheck.Fluent;
using MomentTools.Blocks;

namespace MomentTools.Tests.Blocks;

/// <summary>The algebra of extents against the plainest model there is: one flag a byte.</summary>
public sealed class ExtentMapTests
{
    private const int Size = 96;

    private static readonly Gen<bool[]> Flags = Gen.Elements(false, true).ArrayOf(Size);

    [Fact]
    public void UnionIsTheUnionOfBytes() => CheckPairs((a, b) => a.Union(b), (x, y) => x || y);

    [Fact]
    public void IntersectIsTheIntersectionOfBytes() => CheckPairs((a, b) => a.Intersect(b), (x, y) => x && y);

    [Fact]
    public void SubtractIsTheDifferenceOfBytes() => CheckPairs((a, b) => a.Subtract(b), (x, y) => x && !y);

    [Fact]
    public void RoundOutGrowsToWholeBlocksAndStopsAtTheLimit() =>
        Prop.ForAll(Flags.ToArbitrary(), Gen.Elements(1, 2, 8, 16, 64).ToArbitrary(), Gen.Choose(0, Size).ToArbitrary(), (flags, granularity, limit) =>
        {
            bool[] model = new bool[Size];
            for (int at = 0; at < limit; at++)
            {
                int block = at / granularity * granularity;
                model[at] = Enumerable.Range(block, Math.Min(granularity, Size - block)).Any(other => flags[other]);
            }

            Assert.Equal(FromFlags(model), FromFlags(flags).RoundOut(granularity, limit));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void ContainsAndTotalLengthCountBytes() =>
        Prop.ForAll(Flags.ToArbitrary(), flags =>
        {
            ExtentMap map = FromFlags(flags);
            Assert.Equal(flags.Count(flag => flag), map.TotalLength);
            Assert.Equal(flags, Enumerable.Range(0, Size).Select(at => map.Contains(at)));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void NeighboursAreOneExtent() =>
        Assert.Equal([new Extent(0, 30)], ExtentMap.Of(new Extent(10, 20), new Extent(0, 10), new Extent(5, 0)));

    [Fact]
    public void ARunThatWouldPassTheLargestOffsetIsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ExtentMap.Of(new Extent(long.MaxValue - 5, 10)));

    [Fact]
    public void ManyRunsAreAsFew()
    {
        const int many = 20_000;
        ExtentMap map = ExtentMap.Of(Enumerable.Range(0, many).Select(run => new Extent(4L * run, 2))), other = ExtentMap.Of(Enumerable.Range(0, many).Select(run => new Extent((4L * run) + 1, 2)));
        Assert.Equal((many, 2L * many), (map.Count, map.TotalLength));
        Assert.Equal(Enumerable.Range(0, many).Select(run => new Extent(4L * run, 2)), map);
        Assert.Equal(new Extent(4L * (many - 1), 2), map[^1]);
        Assert.True(map.Contains((4L * 12_345) + 1) && !map.Contains((4L * 12_345) + 2));
        Assert.Equal(3L * many, map.Union(other).TotalLength);
        Assert.Equal(many, map.Intersect(other).TotalLength);
        Assert.Equal(many, map.Subtract(other).TotalLength);
        Assert.Equal(map, map.Union(map).Clip(long.MaxValue));
        Assert.NotEqual(map, other);
        Assert.Equal(map, map.Subtract(other).Union(map.Intersect(other)));
    }

    private static void CheckPairs(Func<ExtentMap, ExtentMap, ExtentMap> operation, Func<bool, bool, bool> model) =>
        Prop.ForAll(Flags.ToArbitrary(), Flags.ToArbitrary(), (a, b) =>
            Assert.Equal(FromFlags([.. a.Zip(b, model)]), operation(FromFlags(a), FromFlags(b)))).QuickCheckThrowOnFailure();

    private static ExtentMap FromFlags(bool[] flags) =>
        ExtentMap.Of(flags.Index().Where(pair => pair.Item).Select(pair => new Extent(pair.Index, 1)));
}
