using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Tests.Support;
using static MomentTools.Tests.Moments.Sample;

namespace MomentTools.Tests.Moments;

/// <summary>The current moment that was declared: one fact in one place on disk (row B2), and never a matter of the tracking.</summary>
public sealed class DeclaredCurrentTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    private MomentStore Store => new(_scratch.Path);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void ItIsShownForAllDisksAndIsTheParentOfTheNext()
    {
        DomainMoments state = Reread(SampleDomain.Line("a", "b", "c") with { Current = Checkpoint("a") });
        MomentTree tree = state.Tree(out IReadOnlyList<MomentTreeFault> faults);
        Assert.Empty(faults);
        Assert.Equal("a", tree.Current!.Name);
        Assert.Equal([Checkpoint("a")], tree.CurrentByDisk.Values.Distinct());
        Assert.Equal("a", tree.NewestCurrent(["vda"])!.Name);
        Assert.Equal("a", tree.NewestCurrent(["a disk that nobody knows"])!.Name);
        Assert.Equal(["a"], new MomentFilter { Current = true }.Apply(tree).Select(moment => moment.Name));
        Assert.Equal(Checkpoint("c"), state.Disk("vda").Current);
    }

    [Fact]
    public void ItMovesToTheNearestParentThatStays()
    {
        DomainMoments state = SampleDomain.Line("a", "b", "c", "d") with { Current = Checkpoint("c") };
        Assert.Equal(Checkpoint("c"), state.Without([Checkpoint("d")]).Current);
        Assert.Equal(Checkpoint("b"), state.Without([Checkpoint("c")]).Current);
        Assert.Equal(Checkpoint("a"), state.Without([Checkpoint("b"), Checkpoint("c")]).Current);
        Assert.Null(state.Without([Checkpoint("a"), Checkpoint("b"), Checkpoint("c")]).Current);
        Assert.Equal("b", state.Tree(out _).Without([Checkpoint("c")]).Current!.Name);
    }

    [Fact]
    public void ItOutlivesAWayThroughTheFileAndGoesWithIt()
    {
        DomainMoments state = Reread(SampleDomain.Line("a", "b") with { Current = Checkpoint("a") });
        Assert.Equal(["branches/main.xml"], Store.Difference(state, state with { Current = null }).Files.Keys);
        Assert.Null(Reread(state with { Current = null }).Current);
    }

    [Fact]
    public void OneThatIsNotThereIsToldAndTheDisksSpeakAgain()
    {
        DomainMoments state = Reread(SampleDomain.Line("a", "b") with { Current = Snapshot("gone") });
        MomentTree tree = state.Tree(out IReadOnlyList<MomentTreeFault> faults);
        MomentTreeFault fault = Assert.Single(faults);
        Assert.Equal((MomentTreeFaultKind.CurrentMissing, MomentErrors.MomentCurrentMissing), (fault.Kind, fault.ToException().ErrorId));
        Assert.Equal("b", tree.Current!.Name);
        Assert.Equal(Snapshot("gone"), state.Without([Checkpoint("b")]).Current);
    }

    [Fact]
    public void ACircleOfParentsDoesNotHoldItUp()
    {
        DomainMoments state = SampleDomain.Line("a", "b") with { Current = Checkpoint("a") };
        state = state.With(state.Moments[Checkpoint("a")] with { Parent = Checkpoint("b") });
        Assert.Null(state.Without([Checkpoint("a"), Checkpoint("b")]).Current);
    }

    [Fact]
    public void AnotherKindsViewSeesTheNearestOfItsOwn()
    {
        List<Moment> moments = [Of(Checkpoint("a")), Of(Snapshot("s"), Checkpoint("a"), at: 1), Of(Checkpoint("b"), Snapshot("s"), at: 2)];
        MomentTree tree = MomentTree.Build(moments, new Dictionary<string, MomentKey> { ["vda"] = Checkpoint("b") }, out _, Snapshot("s"));
        Assert.Equal("a", tree.Project(MomentKind.Checkpoint).Current!.Name);
        Assert.Equal("s", tree.Project(MomentKind.Snapshot).Current!.Name);
    }

    [Fact]
    public void WordsThatAreNoMomentAreRefused()
    {
        Reread(SampleDomain.Line("a") with { Current = Checkpoint("a") });
        string path = _scratch["branches/main.xml"];
        File.WriteAllText(path, File.ReadAllText(path).Replace("checkpoint:a", "a", StringComparison.Ordinal));
        Assert.Contains("'a' is not a moment's name", Assert.Throws<MomentException>(() => Store.Load(_ => { })).Message, StringComparison.Ordinal);
    }

    private DomainMoments Reread(DomainMoments state)
    {
        using (Journal journal = Journal.Begin(_scratch.Path, MomentIds.New(), "test", [], null))
            journal.Commit(Store.Difference(File.Exists(_scratch["disks.xml"]) ? Load() : DomainMoments.Empty, state));
        return Load();
    }

    private DomainMoments Load() => Store.Load(failure => throw failure);
}
