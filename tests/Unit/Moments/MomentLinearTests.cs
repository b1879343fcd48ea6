using System.Diagnostics;
using MomentTools.Moments;
using MomentTools.Tests.Support;
using static MomentTools.Tests.Moments.Sample;

namespace MomentTools.Tests.Moments;

/// <summary>Eight times as many moments cost about eight times the time, whatever is asked of them.</summary>
public sealed class MomentLinearTests
{
    private const int Many = 100_000;

    private const int Few = Many / 8;

    // The square of the number would make 64 of it; caches that no longer fit, the garbage collector, and other work on the machine, more than 8.
    private const double MostGrowth = 24;
    private const int Rounds = 5;
    private const int MostAttempts = 20;

    public static TheoryData<string> Questions => [.. Ways.Keys];

    private static readonly Dictionary<string, Action<(List<Moment> Moments, MomentTree Tree)>> Ways = new(StringComparer.Ordinal)
    {
        ["build"] = sample => MomentTree.Build(sample.Moments, new Dictionary<string, MomentKey>(), out _),
        ["all"] = sample => new MomentFilter().Apply(sample.Tree),
        ["roots and leaves"] = sample => new MomentFilter { Roots = true, Leaves = true, NoLeaves = true }.Apply(sample.Tree),
        ["current"] = sample => new MomentFilter { Current = true, NoCurrent = true }.Apply(sample.Tree),
        ["metadata"] = sample => new MomentFilter { Metadata = true }.Apply(sample.Tree),
        ["kind"] = sample => new MomentFilter { Kind = MomentKind.Checkpoint }.Apply(sample.Tree),
        ["snapshots"] = sample => new MomentFilter { Online = true, Offline = true, DiskOnly = true, Internal = true, External = true }.Apply(sample.Tree),
        ["children"] = sample => new MomentFilter { From = sample.Moments[0].Key }.Apply(sample.Tree),
        ["descendants"] = sample => new MomentFilter { From = sample.Moments[0].Key, Descendants = true }.Apply(sample.Tree),
        ["names"] = sample => new MomentFilter { Names = ["m*7", "m5?3"] }.Apply(sample.Tree),
        ["topological"] = sample => new MomentFilter { Topological = true }.Apply(sample.Tree),
        ["removal"] = sample => sample.Tree.Without([.. sample.Moments.Where((_, index) => index % 3 == 0).Select(moment => moment.Key)]),
        ["drawing"] = sample => MomentTreeDrawing.Draw(sample.Tree, Start),
    };

    [Theory]
    [MemberData(nameof(Questions))]
    public void EightTimesAsManyCostEightTimesTheTime(string question)
    {
        (List<Moment> Moments, MomentTree Tree) few = Sample(Few), many = Sample(Many);
        Ways[question](few);
        double growth = double.MaxValue;
        // The machine's other work only ever adds: the best of some rounds is what it takes.
        for (int attempt = 0; attempt < MostAttempts && growth > MostGrowth; attempt++)
            growth = Fastest(() => Ways[question](many)) / Fastest(() => Ways[question](few));
        Assert.True(growth <= MostGrowth, $"{question}: {growth:0.0} times");
    }

    [Fact]
    public void LoadingIsLinearInTheNumberOfFiles()
    {
        using var scratch = new ScratchDirectory();
        string few = scratch["few"], many = scratch["many"];
        Fill(few, 500);
        Fill(many, 4_000);
        Assert.Equal(4_000, new MomentStore(many).Load(failure => throw failure).Tree(out _).Count);
        double growth = double.MaxValue;
        for (int attempt = 0; attempt < MostAttempts && growth > MostGrowth; attempt++)
            growth = Fastest(() => new MomentStore(many).Load(_ => { }).Tree(out _)) / Fastest(() => new MomentStore(few).Load(_ => { }).Tree(out _));
        Assert.True(growth <= MostGrowth, $"{growth:0.0} times");
    }

    private static double Fastest(Action work)
    {
        double fastest = double.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            work();
            fastest = Math.Min(fastest, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return fastest;
    }

    // Half a chain, half bushes, both kinds mixed.
    private static (List<Moment> Moments, MomentTree Tree) Sample(int count)
    {
        MomentKey[] keys = [.. Enumerable.Range(0, count).Select(number => new MomentKey((MomentKind)(number % 2), $"m{number}"))];
        List<Moment> moments = [.. keys.Select((key, index) => Of(key, index == 0 ? null : keys[index % 2 == 0 ? index - 1 : index / 2], at: index))];
        return (moments, TreeOf(moments, ("vda", keys[^1])));
    }

    private static void Fill(string directory, int count)
    {
        Directory.CreateDirectory(Path.Combine(directory, "snapshots"));
        for (int number = 0; number < count; number++)
            File.WriteAllText(Path.Combine(directory, "snapshots", $"s{number}.xml"), $"<domainsnapshot><name>s{number}</name>{(number == 0 ? "" : $"<parent><name>s{number - 1}</name></parent>")}<creationTime>{number}</creationTime></domainsnapshot>");
    }
}
