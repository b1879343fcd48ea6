using FsCheck;
using FsCheck.Fluent;
using MomentTools.Moments;
using static MomentTools.Tests.Moments.Sample;

namespace MomentTools.Tests.Moments;

public sealed class MomentTreeDrawingTests
{
    private static readonly Moment[] Family =
    [
        Of(Checkpoint("monday")), Of(Snapshot("clean"), Checkpoint("monday"), at: 60), Of(Checkpoint("tuesday"), Snapshot("clean"), at: 24 * 60),
        Of(Checkpoint("wednesday"), Checkpoint("tuesday"), at: 48 * 60), Of(Snapshot("try"), Snapshot("clean"), at: 50 * 60), Of(Checkpoint("imported"), at: -60 * 24 * 365),
    ];

    private static readonly DateTimeOffset Now = Start.AddHours(51).AddMinutes(5);

    [Fact]
    public void ATreeIsDrawnWithItsBranchesAndThePresent() => Assert.Equal(
        """
        C imported            2025-03-01
        C monday              2 days ago
        └─ S clean            2 days ago
           ├─ C tuesday       27 h ago
           │  └─ C wednesday  3 h ago
           └─ S try *         1 h ago
              └─ (now)
        """,
        Draw(TreeOf(Family, ("vda", Snapshot("try")), ("vdb", Snapshot("try"))), 80));

    [Fact]
    public void DisksThatDisagreeHaveTheirOwnPresentBelowTheirMoments() => Assert.Equal(
        """
        C imported            2025-03-01
        C monday              2 days ago
        └─ S clean *          2 days ago
           ├─ C tuesday       27 h ago
           │  └─ C wednesday  3 h ago
           ├─ S try *         1 h ago
           │  └─ (now: vda, vdb)
           └─ (now: vdc)
        """,
        Draw(TreeOf(Family, ("vdb", Snapshot("try")), ("vda", Snapshot("try")), ("vdc", Snapshot("clean"))), 80));

    [Fact]
    public void SeveralBranchesHaveTheirNamesBelowTheirMoments() => Assert.Equal(
        """
        C imported            2025-03-01
        C monday              2 days ago
        └─ S clean            2 days ago
           ├─ C tuesday       27 h ago
           │  └─ C wednesday  3 h ago
           │     ├─ (main: vda)
           │     └─ (main, now: vdb)
           ├─ S try *         1 h ago
           │  ├─ (other)
           │  └─ (try-upgrade, now)
           └─ (third)
        """,
        Draw(TreeOf(Family, ("vda", Snapshot("try"))).With("web1",
        [
            new("main", "vda", Checkpoint("wednesday"), false), new("try-upgrade", "vda", Snapshot("try"), true), new("main", "vdb", Checkpoint("wednesday"), true),
            new("other", "vda", Snapshot("try"), false), new("third", "vda", Snapshot("clean"), false), new("nowhere", "vda", Snapshot("gone"), false),
        ]), 80));

    [Fact]
    public void WhereOneKindIsShownBranchesHangBelowTheNearestOfIt()
    {
        MomentTree tree = TreeOf(Family, ("vda", Snapshot("try"))).With("web1", [new("main", "vda", Checkpoint("wednesday"), false), new("try", "vda", Snapshot("try"), true)]);
        Assert.Equal([Snapshot("clean"), Snapshot("try")], tree.Project(MomentKind.Snapshot).Tips.Select(tip => tip.Moment));
        Assert.Equal([Checkpoint("wednesday")], tree.Without([Snapshot("clean"), Snapshot("try"), Checkpoint("monday")]).Tips.Select(tip => tip.Moment));
    }

    [Fact]
    public void AnEmptyTreeHasNoLines() => Assert.Empty(MomentTreeDrawing.Draw(MomentTree.Empty, Now));

    [Fact]
    public void ADeepTreeShowsItsLowerLevels()
    {
        IReadOnlyList<MomentTreeLine> lines = MomentTreeDrawing.Draw(Chain(20), Start.AddMinutes(20), 40);
        Assert.Equal("               └─ C c6     14 min ago", lines[6].Text);
        Assert.Equal("…              └─ C c7     13 min ago", lines[7].Text);
        Assert.Equal("…              └─ C c19 *  1 min ago", lines[19].Text);
        Assert.Equal("…              └─ (now)", lines[20].Text);
    }

    [Fact]
    public void ALongNameIsCutAndItsMarkKept()
    {
        MomentTree tree = TreeOf([Of(Snapshot(new string('x', 200)))], ("vda", Snapshot(new string('x', 200))));
        Assert.Equal("S " + new string('x', 65) + "… *  just now", MomentTreeDrawing.Draw(tree, Start)[0].Text);
    }

    [Fact]
    public void ANameCannotWriteToTheTerminal()
    {
        MomentTree tree = TreeOf([Of(Snapshot("a\u001b[31m\n\u202eb\ud800"))]);
        Assert.Equal("S a\ufffd[31m\ufffd\ufffdb\ufffd  just now", MomentTreeDrawing.Draw(tree, Start)[0].Text);
    }

    [Fact]
    public void WideLettersTakeTwoColumns()
    {
        MomentTree tree = TreeOf([Of(Snapshot("月曜日")), Of(Snapshot("monday"), at: 1)]);
        Assert.Equal(["S 月曜日  1 min ago", "S monday  just now"], MomentTreeDrawing.Draw(tree, Start.AddMinutes(1)).Select(line => line.Text));
        Assert.Equal("月…", TextCells.Fit("月曜日", 4));
    }

    [Theory]
    [InlineData(-3600, "2026-03-01")]
    [InlineData(-30, "just now")]
    [InlineData(59, "just now")]
    [InlineData(60, "1 min ago")]
    [InlineData(3600, "1 h ago")]
    [InlineData(2 * 86400 - 1, "47 h ago")]
    [InlineData(2 * 86400, "2 days ago")]
    [InlineData(100 * 86400 - 1, "99 days ago")]
    [InlineData(100 * 86400, "2026-03-01")]
    public void AnAgeIsShort(int seconds, string text) => Assert.Equal(text, MomentAge.Of(Start, Start.AddSeconds(seconds)));

    [Fact]
    public void EveryMomentHasALineInTreeOrderAndNoLineIsTooWide() =>
        Prop.ForAll(RandomForest.Arbitrary, Gen.Choose(0, 120).ToArbitrary(), (forest, columns) =>
        {
            MomentTree tree = forest.Build();
            IReadOnlyList<MomentTreeLine> lines = MomentTreeDrawing.Draw(tree, DateTimeOffset.UnixEpoch, columns);
            Assert.Equal(tree.All, lines.Where(line => line.Moment is not null).Select(line => line.Moment!));
            Assert.Equal(forest.Current.Values.Distinct().Count(), lines.Count(line => line.Moment is null));
            Assert.All(lines, line =>
            {
                Assert.InRange(TextCells.Width(line.Text), 1, Math.Clamp(columns, 40, 80));
                Assert.StartsWith(line.Prefix, line.Text, StringComparison.Ordinal);
                if (line.Moment is { } moment)
                    Assert.Equal(Math.Min(tree.Path(moment).Count - 1, Math.Clamp(columns, 40, 80) / 6) * 3, line.Prefix.Length);
            });
        }).QuickCheckThrowOnFailure();

    private static MomentTree Chain(int count) => TreeOf(
        Enumerable.Range(0, count).Select(number => Of(Checkpoint($"c{number}"), number == 0 ? null : Checkpoint($"c{number - 1}"), at: number)),
        ("vda", Checkpoint($"c{count - 1}")));

    private static string Draw(MomentTree tree, int columns) => string.Join('\n', MomentTreeDrawing.Draw(tree, Now, columns).Select(line => line.Text));
}
