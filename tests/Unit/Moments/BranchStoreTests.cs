using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Tests.Support;
using MomentTools.Xml;
using static MomentTools.Tests.Moments.Sample;

namespace MomentTools.Tests.Moments;

/// <summary>Branches, frozen layers and what is kept for Undo on their way through the files.</summary>
public sealed class BranchStoreTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    private MomentStore Store => new(_scratch.Path);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void BranchesComeBackAsTheyWere()
    {
        DomainMoments state = WithBranches() with { ActiveBranch = "main" };
        state = state.With(new Branch("try") { Start = Snapshot("s"), Created = Start, Description = " two\n lines & <more>", Memory = "/m & m", Running = true, Current = Checkpoint("b") });
        state = state.Activate("try");
        DomainMoments read = Reread(state);
        Assert.Equal("try", read.ActiveBranch);
        Assert.Equal(state.Branches.OrderBy(pair => pair.Key, StringComparer.Ordinal), read.Branches.OrderBy(pair => pair.Key, StringComparer.Ordinal));
        Assert.Equal(Checkpoint("b"), read.Current);
        foreach (DiskTracking disk in state.Disks.Values)
        {
            DiskTracking again = read.Disk(disk.Disk);
            Assert.Equal((disk.ActiveBranch, disk.ActiveTip), (again.ActiveBranch, again.ActiveTip));
            Assert.Equal(disk.Tips.OrderBy(tip => tip.Key, StringComparer.Ordinal), again.Tips.OrderBy(tip => tip.Key, StringComparer.Ordinal));
            Assert.Equal(disk.Layers, again.Layers);
            Assert.Equal(disk.Points.Keys.Order(StringComparer.Ordinal), again.Points.Keys.Order(StringComparer.Ordinal));
        }

        Assert.True(read.Disk("vda").Layers["overlay"].Made);
        Assert.Empty(Store.Difference(read, read).Files);
        Assert.DoesNotContain(Store.Difference(state, read).Files.Keys, path => path.StartsWith("branches/", StringComparison.Ordinal) || path == "disks.xml");
        Reread(DomainMoments.Empty);
        Assert.Empty(Directory.EnumerateFiles(_scratch.Path, "*.xml", SearchOption.AllDirectories));
    }

    [Fact]
    public void ADiskThatABranchDoesNotCoverStaysWhereItIs()
    {
        DomainMoments state = Reread(WithBranches().Activate("try"));
        Assert.Equal(("try", "main"), (state.Disk("vda").ActiveBranch, state.Disk("vdb").ActiveBranch));
        Assert.Equal("main", Reread(state.Activate("main")).Disk("vda").ActiveBranch);
        Assert.Equal("try", Reread(state).Disk("new").ActiveBranch);
    }

    [Fact]
    public void ASavedTipRecordsNothingAndIsSavedAfterReading()
    {
        DomainMoments state = WithBranches();
        state = Reread(state.With(state.Disk("vda").SaveTip("try", [new SegmentSource.Sidecar("x")], "mt-tag")));
        TrackingTip tip = state.Disk("vda").Tips["try"];
        Assert.Equal(("mt-tag", ""), (tip.Saved, tip.Recording));
        TrackingTip loaded = Reread(state.With(state.Disk("vda").LoadTip("try", "mt-9"))).Disk("vda").Tips["try"];
        Assert.Equal((null, "mt-9"), (loaded.Saved, loaded.Recording));
    }

    [Fact]
    public void AnOlderDirectoryHasOneBranch()
    {
        DomainMoments state = Reread(SampleDomain.Line("a", "b"));
        Assert.DoesNotContain("branch=", File.ReadAllText(_scratch["disks.xml"]), StringComparison.Ordinal);
        Assert.Equal(("main", "main"), (state.ActiveBranch, Assert.Single(state.Branches).Key));
        Assert.DoesNotContain(Store.Difference(SampleDomain.Line("a", "b"), state).Files.Keys, path => path.StartsWith("branches/", StringComparison.Ordinal) || path == "disks.xml");
        File.Delete(_scratch["branches/main.xml"]);
        Assert.Null(Load().Disk("vda").ActiveTip);
        Assert.Equal("main", Assert.Single(Load().Branches).Key);
    }

    [Theory]
    [InlineData("name=\"try\"", "name=\"main\"", "main.xml", "MomentCurrentAmbiguous")]
    [InlineData("layer=\"fork\"", "layer=\"nosuch\"", "nosuch", "BranchFileInvalid")]
    [InlineData("<disk name=\"vda\"", "<disk name=\"vdx\"", "vdx", "BranchFileInvalid")]
    [InlineData("id=\"ttry\"", "id=\"tmain\"", "main.xml", "MomentCurrentAmbiguous")]
    [InlineData("</", "<", "try.xml", "XmlMalformed")]
    public void ABranchThatContradictsIsToldOnceAndTheRestLoads(string from, string to, string told, string id)
    {
        Reread(WithBranches());
        string path = _scratch["branches/try.xml"];
        string text = File.ReadAllText(path).Replace('\'', '"');
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));
        DomainMoments state = Load(out List<MomentException> faults);
        MomentException fault = Assert.Single(faults);
        Assert.Equal((id, path), (fault.ErrorId.Name, fault.Target));
        Assert.Contains(told, fault.Message, StringComparison.Ordinal);
        Assert.Equal("main", Assert.Single(state.Disk("vda").Tips).Key);
        Assert.Equal("try", Assert.Single(state.BrokenBranches));
        // Its file is left alone, and so are the sidecars that it may need.
        Assert.Empty(Store.Difference(state, state.With(new Branch("other") { Running = true })).Files.Keys.Except(["branches/other.xml"]));
        Directory.CreateDirectory(_scratch["segments"]);
        File.WriteAllText(_scratch["segments/orphan"], "");
        Store.Sweep(state);
        Assert.True(File.Exists(_scratch["segments/orphan"]));
    }

    [Fact]
    public void OfTheActiveBranchNothingIsGuessed()
    {
        Reread(WithBranches().Activate("try"));
        File.WriteAllText(_scratch["branches/try.xml"], "garbage");
        Assert.Equal(XmlErrors.XmlMalformed, Assert.Throws<MomentException>(() => Load(out _)).ErrorId);
    }

    [Fact]
    public void TheNameOfABranchInAFileIsNoPath()
    {
        Reread(WithBranches());
        File.WriteAllText(_scratch["disks.xml"], File.ReadAllText(_scratch["disks.xml"]).Replace("<disks ", "<disks branch=\"../../etc\" ", StringComparison.Ordinal));
        Assert.Equal(XmlErrors.XmlRuleBroken, Assert.Throws<MomentException>(() => Load(out _)).ErrorId);
    }

    [Fact]
    public void OnlyTheBranchesThatChangedAreWritten()
    {
        DomainMoments state = Reread(WithBranches());
        DiskTracking disk = state.Disk("vda");
        Assert.Equal(["branches/try.xml"], Store.Difference(state, state.With(disk.WithSources("ttry", [new SegmentSource.Lost("x")]))).Files.Keys);
        Assert.Equal(["disks.xml"], Store.Difference(state, state.Activate("try")).Files.Keys);
        Assert.Equal(["branches/other.xml", "branches/try.xml"], Store.Difference(state, state.RenameBranch("try", "other")).Files.Keys.Order(StringComparer.Ordinal));
        DomainMoments without = state.WithoutBranch("try");
        Assert.Null(Store.Difference(state, without).Files["branches/try.xml"]);
        Assert.False(without.Disk("vda").Points.ContainsKey("ttry"));
        Assert.Throws<InvalidOperationException>(() => state.WithoutBranch("main"));
    }

    [Fact]
    public void TheFirstBranchMayHaveAnotherName()
    {
        DomainMoments state = Reread(Reread(WithBranches()).RenameBranch("main", "prod"));
        Assert.Equal("prod", state.ActiveBranch);
        Assert.Equal(["prod", "try"], state.Branches.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("tmain", state.Disk("vda").ActiveTip!.PointId);
        Assert.Equal("prod", state.Disk("vdb").ActiveBranch);
    }

    [Fact]
    public void TheTreeNamesTheBranchesThatHaveANameOnceThereAreSeveral()
    {
        DomainMoments state = WithBranches();
        Assert.Equal(
            [("main", "vda", Snapshot("s"), true), ("main", "vdb", Checkpoint("a"), true), ("try", "vda", Snapshot("s"), false)],
            state.Tree(out _).Tips.Select(tip => (tip.Branch, tip.Disk, tip.Moment, tip.IsNow)).OrderBy(tip => tip.Item1 + tip.Item2, StringComparer.Ordinal));
        Assert.Equal(("try", "vda", Checkpoint("a"), true), state.With(new Branch("try") { Current = Checkpoint("a") }).Activate("try").Tree(out _).Tips.Where(tip => tip.Branch == "try").Select(tip => (tip.Branch, tip.Disk, tip.Moment, tip.IsNow)).Single());
        Assert.Empty(state.RenameBranch("try", "mt-try").Tree(out _).Tips);
        Assert.Empty(state.WithoutBranch("try").Tree(out _).Tips);
    }

    [Fact]
    public void TheTipsAreEnoughOnAnOverlayToo()
    {
        DomainMoments state = Reread(WithBranches());
        DomainMoments tips = Store.LoadTips(new HashSet<string>(["vda"], StringComparer.Ordinal), fault => Assert.Fail(fault.Message))!;
        Assert.Equal(Snapshot("s"), Assert.Single(tips.Moments).Key);
        Assert.Equal(state.Disk("vda").ActiveTip, tips.Disk("vda").ActiveTip);
        Assert.Equal(state.Disk("vda").Tips.Keys.Order(StringComparer.Ordinal), tips.Disk("vda").Tips.Keys.Order(StringComparer.Ordinal));
        DiskTracking disk = tips.Disk("vda");
        DomainMoments next = tips.With(disk.Checkpoint(Checkpoint("c"), disk.Layers["overlay"], 100, [], "c", "unused", "tc"));
        Assert.Equal(["branches/main.xml"], Store.Difference(tips, next).Files.Keys);
        // A second disk that descends from another moment takes a full look.
        Assert.Null(Store.LoadTips(new HashSet<string>(["vda", "vdb"], StringComparer.Ordinal), _ => { }));
    }

    [Theory]
    [InlineData("moment=\"snapshot:s\"", "moment=\"checkpoint:a\"")]
    [InlineData("moment=\"snapshot:s\"", "moment=\"snapshot:../s\"")]
    [InlineData("moment=\"snapshot:s\"", "")]
    public void WhereTheTipIsSaidWronglyAFullLookIsTaken(string from, string to)
    {
        Reread(WithBranches());
        string path = _scratch["branches/main.xml"];
        File.WriteAllText(path, File.ReadAllText(path).Replace('\'', '"').Replace(from, to, StringComparison.Ordinal));
        Assert.Null(Store.LoadTips(new HashSet<string>(["vda"], StringComparer.Ordinal), _ => { }));
    }

    [Fact]
    public void WhatIsKeptComesBack()
    {
        DomainMoments before = Reread(WithBranches().With(new Branch("try") { Start = Snapshot("s") }));
        MomentKey[] gone = [Snapshot("s")];
        var record = new KeptAside("k1", "Remove-VMSnapshot", Start, Start.AddHours(1), "mt-x", "main", Store.FilesOf(before, gone));
        DomainMoments after = Reread(before.Forget(gone, record));
        Assert.False(File.Exists(_scratch["snapshots/s.xml"]));
        Assert.True(after.Disk("vda").Points["ta"].Kept);
        Assert.Equal(Checkpoint("a"), after.Branches["try"].Start);
        KeptAside kept = Assert.Single(after.Kept);
        Assert.Equal((record.Operation, record.Since, record.Until, record.Branch, record.BranchName), (kept.Operation, kept.Since, kept.Until, kept.Branch, kept.BranchName));
        Assert.Equal(record.Files, kept.Files);

        DomainMoments back = Reread(after.Recall(kept));
        Assert.Empty(back.Kept);
        Assert.False(Directory.EnumerateFiles(_scratch["kept"]).Any());
        Assert.Equal(before.Disk("vda").Points["ta"] with { Sources = [] }, back.Disk("vda").Points["ta"] with { Sources = [] });
        Assert.Equal(Snapshot("s"), back.Branches["try"].Start);
        Assert.Equal(before.Moments[Snapshot("s")].Document.ToXml(), Store.LoadWhole(back.Moments[Snapshot("s")]).Document.ToXml());
    }

    [Fact]
    public void ChildrenGetTheirParentBackUnlessTheyHaveAnotherSince()
    {
        DomainMoments before = Reread(SampleDomain.Line("a", "b", "c", "d"));
        MomentKey[] gone = [Checkpoint("b"), Checkpoint("c")];
        DomainMoments after = Reread(before.Forget(gone, new KeptAside("k", "x", Start, Start, null, null, Store.FilesOf(before, gone))));
        Assert.Equal(Checkpoint("a"), after.Moments[Checkpoint("d")].Parent);
        after.Tree(out IReadOnlyList<MomentTreeFault> faults);
        Assert.Empty(faults);
        Assert.Equal(Checkpoint("c"), Reread(after.Recall(after.Kept[0])).Moments[Checkpoint("d")].Parent);
        DomainMoments other = after.With(after.Moments[Checkpoint("d")].Under(null));
        Assert.Null(other.Recall(after.Kept[0]).Moments[Checkpoint("d")].Parent);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("<kept xmlns='https://momenttools.dev/xml/1' id='other' operation='x' since='2026-01-01T00:00:00Z' until='2026-01-01T00:00:00Z'/>")]
    [InlineData("<kept xmlns='https://momenttools.dev/xml/1' id='k' operation='x' since='never' until='2026-01-01T00:00:00Z'/>")]
    [InlineData("<kept xmlns='https://momenttools.dev/xml/1' id='k' operation='x' since='2026-01-01T00:00:00Z' until='2026-01-01T00:00:00Z'><file path='a'/><file path='a'/></kept>")]
    public void ABrokenRecordIsToldOnceAndTheRestLoads(string content)
    {
        Reread(SampleDomain.Line("a"));
        Directory.CreateDirectory(_scratch["kept"]);
        File.WriteAllText(_scratch["kept/k.xml"], content);
        DomainMoments state = Load(out List<MomentException> faults);
        Assert.Contains("k.xml", Assert.Single(faults).Message, StringComparison.Ordinal);
        Assert.Empty(state.Kept);
        Assert.Equal("k", Assert.Single(state.BrokenBranches));
        Assert.Single(state.Moments);
    }

    [Fact]
    public void AKeptFileThatIsNoMomentsIsRefused()
    {
        DomainMoments state = SampleDomain.Line("a");
        foreach (string path in (string[])["disks.xml", "snapshots/../x.txt", "checkpoints/other.xml"])
        {
            var kept = new KeptAside("k", "x", Start, Start, null, null, new Dictionary<string, string> { [path] = "<domaincheckpoint><name>b</name></domaincheckpoint>" });
            Assert.Equal(MomentErrors.MomentFileInvalid, Assert.Throws<MomentException>(() => state.Recall(kept)).ErrorId);
        }
    }

    /// <summary>
    /// vda: checkpoint a, then the external snapshot s, which froze the base; "main" goes on in its overlay, "try" in a second one. vdb has
    /// the checkpoint alone.
    /// </summary>
    private static DomainMoments WithBranches()
    {
        DomainMoments state = SampleDomain.Line("a");
        DiskTracking disk = state.Disk("vda");
        disk = disk.WithTipPoint("ta")
            .Freeze(Snapshot("s"), disk.Layers["lvda"], new TrackingLayer("overlay", "/images/s", null) { Made = true }, 100, [new SegmentSource.Sidecar("sa")], "mt-1", "unused", "tmain")
            .Fork("try", "ta", new TrackingLayer("fork", "/images/try", null) { Made = true }, 100, "mt-2", "ttry");
        var document = new SnapshotDocument { Name = "s", ParentName = null, State = "disk-snapshot", Disks = [new SnapshotDisk("vda", SnapshotMode.External), new SnapshotDisk("vdb", SnapshotMode.No)] };
        return state.With(disk).With(new Branch("try"))
            .With(new StoredMoment(Snapshot("s"), "ids", document, Checkpoint("a"), Start.AddHours(1), null).Under(Checkpoint("a")));
    }

    private DomainMoments Reread(DomainMoments next)
    {
        FileChanges changes = Store.Difference(Load(), next);
        using (Journal journal = Journal.Begin(_scratch.Path, MomentIds.New(), "test", [], null))
            journal.Commit(changes);
        return Load();
    }

    private DomainMoments Load()
    {
        DomainMoments state = Load(out List<MomentException> faults);
        Assert.Empty(faults);
        return state;
    }

    private DomainMoments Load(out List<MomentException> faults)
    {
        List<MomentException> told = [];
        DomainMoments state = Store.Load(told.Add);
        faults = told;
        return state;
    }
}
