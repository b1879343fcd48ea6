using FsCheck;
using FsCheck.Fluent;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Moments;

/// <summary>The files of a domain's moments: rows B2 and B5.</summary>
public sealed class MomentStoreTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    private MomentStore Store => new(_scratch.Path);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void WhatWasWrittenIsReadBack() => Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (first, second) =>
    {
        using var scratch = new ScratchDirectory();
        DomainMoments before = SampleDomain.Random(first), after = SampleDomain.Random(second);
        Write(scratch.Path, new MomentStore(scratch.Path).Difference(DomainMoments.Empty, before));
        AssertSame(before, Load(scratch.Path));
        Write(scratch.Path, new MomentStore(scratch.Path).Difference(Load(scratch.Path), after));
        AssertSame(after, Load(scratch.Path));
        Write(scratch.Path, new MomentStore(scratch.Path).Difference(Load(scratch.Path), DomainMoments.Empty));
        Assert.Empty(Directory.EnumerateFiles(scratch.Path, "*.xml", SearchOption.AllDirectories));
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));

    [Fact]
    public void OnlyWhatChangedIsWritten()
    {
        DomainMoments state = Saved("a", "b", "c");
        Assert.Empty(Store.Difference(state, state).Files);
        DomainMoments next = SampleDomain.Checkpoint(state, "d", ["vda"], lost: false);
        Assert.Equal(["branches/main.xml", "checkpoints/d.xml"], Store.Difference(state, next).Files.Keys.Order(StringComparer.Ordinal));
        DomainMoments without = SampleDomain.Remove(state, Sample.Checkpoint("b"));
        FileChanges removal = Store.Difference(state, without);
        Assert.Equal(["checkpoints/b.xml", "checkpoints/c.xml"], removal.Files.Keys.Order(StringComparer.Ordinal));
        Assert.Null(removal.Files["checkpoints/b.xml"]);
    }

    [Theory]
    [InlineData("<domaincheckpoint><name>b</name>")]
    [InlineData("")]
    [InlineData("<domainsnapshot><name>b</name></domainsnapshot>")]
    [InlineData("<!DOCTYPE x [<!ENTITY a 'b'>]><domaincheckpoint><name>&a;</name></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><name>other</name></domaincheckpoint>")]
    public void ABrokenFileIsToldOnceByNameAndTheRestLoads(string content)
    {
        Saved("a", "b", "c");
        File.WriteAllText(FileOf("b"), content);
        AssertOneIsLost("b");
    }

    [Fact]
    public void AnOversizedFileIsNotRead()
    {
        Saved("a", "b", "c");
        using (FileStream file = File.OpenWrite(FileOf("b")))
            file.SetLength(1L << 40);
        Assert.Equal(XmlErrors.XmlTooLarge, AssertOneIsLost("b").ErrorId);
    }

    [Fact]
    public void AFileThatCannotBeReadIsTold()
    {
        // A link to nowhere: permissions do not bind root.
        Saved("a", "b", "c");
        File.Delete(FileOf("b"));
        File.CreateSymbolicLink(FileOf("b"), _scratch["nowhere"]);
        Assert.Equal(FileErrors.FileMissing, AssertOneIsLost("b").ErrorId);
    }

    [Fact]
    public void OfTwoFilesWithTheSamePointTheSecondIsTold()
    {
        DomainMoments state = Saved("a", "b", "c");
        File.WriteAllText(FileOf("d"), File.ReadAllText(FileOf("b")).Replace("<name>b</name>", "<name>d</name>", StringComparison.Ordinal).Replace("bitmap=\"b\"", "bitmap=\"d\"", StringComparison.Ordinal).Replace("bitmap='b'", "bitmap='d'", StringComparison.Ordinal));
        DomainMoments loaded = Load(_scratch.Path, out List<MomentException> faults);
        MomentException fault = Assert.Single(faults);
        Assert.Equal(MomentErrors.MomentFileInvalid, fault.ErrorId);
        Assert.Contains(FileOf("d"), fault.Message, StringComparison.Ordinal);
        AssertSame(state, loaded);
    }

    [Fact]
    public void ALostParentIsAFaultOfItsChildrenAloneAndTheWayOverItIsUnknown()
    {
        Saved("a", "b", "c", "d");
        File.WriteAllText(FileOf("b"), "garbage");
        DomainMoments loaded = Load(_scratch.Path, out _);
        MomentTree tree = loaded.Tree(out IReadOnlyList<MomentTreeFault> faults);
        MomentTreeFault fault = Assert.Single(faults);
        Assert.Equal((MomentTreeFaultKind.ParentMissing, Sample.Checkpoint("c")), (fault.Kind, fault.Moment));
        Assert.Equal(["a", "c"], tree.Roots.Select(moment => moment.Name));
        DiskTracking disk = loaded.Disk("vda");
        Assert.Null(disk.Path(disk.PointOf(Sample.Checkpoint("a"))!.Id, disk.ActiveTip!.PointId));
        Assert.Equal(2, disk.Path(disk.PointOf(Sample.Checkpoint("c"))!.Id, disk.ActiveTip.PointId)!.Count);
    }

    [Fact]
    public void ACircleIsToldOnceAndEndsNothing()
    {
        Saved("a", "b", "c");
        string root = File.ReadAllText(FileOf("a"));
        File.WriteAllText(FileOf("a"), root.Replace("<name>a</name>", "<name>a</name><parent><name>b</name></parent>", StringComparison.Ordinal)
            .Replace("id=\"pavda\"", "id=\"pavda\" parent=\"tavda\"", StringComparison.Ordinal).Replace("id='pavda'", "id='pavda' parent='tavda'", StringComparison.Ordinal));
        DomainMoments loaded = Load(_scratch.Path, out List<MomentException> broken);
        Assert.Empty(broken);
        MomentTree tree = loaded.Tree(out IReadOnlyList<MomentTreeFault> faults);
        Assert.Equal(MomentTreeFaultKind.Cycle, Assert.Single(faults).Kind);
        Assert.Equal(3, tree.Count);
        Assert.Null(loaded.Disk("vda").Path("elsewhere", "pavda"));
        Assert.Equal(Sample.Checkpoint("c"), loaded.Disk("vda").Current);
    }

    [Theory]
    [InlineData("disks.xml")]
    [InlineData("branches/main.xml")]
    public void WithoutTheRecordOfWhatIsRecordedWhereNothingIsGuessed(string file)
    {
        Saved("a", "b");
        File.WriteAllText(_scratch[file], "garbage");
        MomentException failure = Assert.Throws<MomentException>(() => Load(_scratch.Path, out _));
        Assert.Equal(XmlErrors.XmlMalformed, failure.ErrorId);
        Assert.Contains(file, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ATipOnALayerThatNobodyKnowsIsRefused()
    {
        Saved("a");
        string branch = File.ReadAllText(_scratch["branches/main.xml"]);
        File.WriteAllText(_scratch["branches/main.xml"], branch.Replace("lvda", "elsewhere", StringComparison.Ordinal));
        Assert.Equal(XmlErrors.XmlRuleBroken, Assert.Throws<MomentException>(() => Load(_scratch.Path, out _)).ErrorId);
    }

    [Fact]
    public void TemporaryFilesAreNoMoments()
    {
        DomainMoments state = Saved("a");
        File.WriteAllText(_scratch["checkpoints/.mt-0123456789ab"], "half");
        File.WriteAllText(_scratch["checkpoints/.mt-0123456789ab.xml"], "half");
        AssertSame(state, Load(_scratch.Path));
    }

    [Fact]
    public void ASweepTakesOnlySidecarsThatNobodyRefersTo()
    {
        DomainMoments state = Saved("a", "b", "c");
        Directory.CreateDirectory(_scratch["segments"]);
        foreach (string id in (string[])["side2", "side3", "extra2", "orphan"])
            File.WriteAllText(_scratch[$"segments/{id}"], id);
        new MomentStore(_scratch.Path).Sweep(state);
        Assert.Equal(["extra2", "side2", "side3"], Directory.EnumerateFiles(_scratch["segments"]).Select(Path.GetFileName).Order(StringComparer.Ordinal)!);
    }

    [Theory]
    [InlineData("""<domainblocksnapshot><name>n</name><disk name="vda"/><m:blocksnapshot xmlns:m="https://momenttools.dev/xml/1"><m:disk name="vda" copy-sidecar="copy1"/></m:blocksnapshot></domainblocksnapshot>""", "copy1")]
    [InlineData("<domainblocksnapshot><name>", "copy1,other")]
    public void ASweepLeavesWhatBlockSnapshotsNeed(string record, string left)
    {
        DomainMoments state = Saved("a");
        Directory.CreateDirectory(_scratch["segments"]);
        Directory.CreateDirectory(_scratch["blocksnapshots"]);
        foreach (string id in (string[])["copy1", "other"])
            File.WriteAllText(_scratch["segments/" + id], "");
        File.WriteAllText(_scratch["blocksnapshots/n.xml"], record);
        Store.Sweep(state);
        Assert.Equal(left, string.Join(',', Directory.EnumerateFiles(_scratch["segments"]).Select(Path.GetFileName).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void ASweepLeavesEverythingWhileAMomentCannotBeRead()
    {
        Saved("a", "b", "c");
        Directory.CreateDirectory(_scratch["segments"]);
        File.WriteAllText(_scratch["segments/side2"], "of b");
        File.WriteAllText(FileOf("b"), "garbage");
        new MomentStore(_scratch.Path).Sweep(Load(_scratch.Path, out _));
        Assert.True(File.Exists(_scratch["segments/side2"]));
    }

    private MomentException AssertOneIsLost(string name)
    {
        string[] files = [.. Directory.EnumerateFiles(_scratch.Path, "*", SearchOption.AllDirectories)];
        DomainMoments loaded = Load(_scratch.Path, out List<MomentException> faults);
        MomentException fault = Assert.Single(faults);
        Assert.Contains(FileOf(name), fault.Message, StringComparison.Ordinal);
        Assert.Equal(["a", "c"], loaded.Moments.Keys.Select(key => key.Name).Order(StringComparer.Ordinal));
        Assert.Equal(files, Directory.EnumerateFiles(_scratch.Path, "*", SearchOption.AllDirectories));
        return fault;
    }

    private DomainMoments Saved(params string[] names)
    {
        Write(_scratch.Path, Store.Difference(DomainMoments.Empty, SampleDomain.Line(names)));
        return Load(_scratch.Path);
    }

    private string FileOf(string name) => _scratch[$"checkpoints/{name}.xml"];

    private static void Write(string directory, FileChanges changes)
    {
        using Journal journal = Journal.Begin(directory, MomentIds.New(), "test", [], null);
        journal.Commit(changes);
    }

    private static DomainMoments Load(string directory)
    {
        DomainMoments state = Load(directory, out List<MomentException> faults);
        Assert.Empty(faults);
        return state;
    }

    private static DomainMoments Load(string directory, out List<MomentException> faults)
    {
        List<MomentException> told = [];
        DomainMoments state = new MomentStore(directory).Load(told.Add);
        faults = told;
        return state;
    }

    private static void AssertSame(DomainMoments expected, DomainMoments actual)
    {
        Assert.Equal(expected.Moments.Keys.Order(Order), actual.Moments.Keys.Order(Order));
        foreach ((MomentKey key, StoredMoment moment) in expected.Moments)
        {
            StoredMoment read = actual.Moments[key];
            Assert.Equal((moment.Key, moment.Id, moment.Parent, moment.Created, moment.Repository), (read.Key, read.Id, read.Parent, read.Created, read.Repository));
            Assert.Equal(moment.Document.ToXml(), read.Document.ToXml());
        }

        foreach ((string name, DiskTracking disk) in expected.Disks)
        {
            Assert.Equal(disk.Tips, actual.Disk(name).Tips);
            Assert.Equal(disk.Layers, actual.Disk(name).Layers);
            Assert.Equal(disk.Points.Keys.Order(StringComparer.Ordinal), actual.Disk(name).Points.Keys.Order(StringComparer.Ordinal));
            foreach ((string id, TrackingPoint point) in disk.Points)
            {
                TrackingPoint read = actual.Disk(name).Points[id];
                Assert.Equal(point.Sources, read.Sources);
                Assert.Equal(point, read with { Sources = point.Sources });
            }
        }
    }

    private static readonly Comparer<MomentKey> Order = Comparer<MomentKey>.Create((a, b) => string.CompareOrdinal(a.ToString(), b.ToString()));
}
