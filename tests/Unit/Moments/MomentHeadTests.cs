using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Tests.Support;
using MomentTools.Xml;
using static MomentTools.Tests.Moments.Sample;

namespace MomentTools.Tests.Moments;

/// <summary>Lists read heads; whatever is written afterwards is whole.</summary>
public sealed class MomentHeadTests : IDisposable
{
    private const string Domain = "<domain type='kvm'>\n    <name>web1</name>\n    <memory>1</memory>\n    <devices>\n      <graphics type='vnc' passwd='secret'/>\n      <x:unknown xmlns:x='urn:x'> kept  </x:unknown>\n    </devices>\n  </domain>";

    private readonly ScratchDirectory _scratch = new();

    private MomentStore Store => new(_scratch.Path);

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("Checkpoint")]
    [InlineData("Snapshot")]
    public void AMomentThatIsReparentedKeepsItsDomainByteForByte(string word)
    {
        var kind = Enum.Parse<MomentKind>(word);
        MomentKey a = new(kind, "a"), b = new(kind, "b");
        Save(DomainMoments.Empty, DomainMoments.Empty.With(Stored(a)).With(Stored(b, a)));
        string before = DomainPart(b);

        DomainMoments heads = Load();
        Assert.All(heads.Moments.Values, moment => Assert.False(moment.Whole));
        Assert.All(heads.Moments.Values, moment => Assert.Null(moment.Document.Domain));
        Save(heads, Reparented(heads.Without([a]), b, null));

        Assert.Equal(before, DomainPart(b));
        Assert.Contains("secret", before, StringComparison.Ordinal);
        StoredMoment after = Load().Moments[b];
        Assert.Null(after.Parent);
        Assert.Null(after.Document.ParentName);
        StoredMoment whole = Store.LoadWhole(after);
        Assert.True(whole.Whole);
        Assert.NotNull(whole.Document.Domain);
        Assert.Equal(Store.Load(failure => throw failure, whole: true).Moments[b].Document.ToXml(secure: true), whole.Document.ToXml(secure: true));
    }

    [Fact]
    public void WhatLibvirtKeepsBehindTheDomainOfASnapshotStaysToo()
    {
        Directory.CreateDirectory(_scratch["snapshots"]);
        string path = _scratch["snapshots/a.xml"];
        File.WriteAllText(path, $"<domainsnapshot><name>a</name><description>x</description><state>running</state><creationTime>1</creationTime>{Domain}<inactiveDomain type='kvm'><name>web1</name><memory>2</memory></inactiveDomain><cookie><cpu><model>q</model></cpu></cookie><active>1</active><later xmlns='urn:later'/></domainsnapshot>");
        DomainMoments heads = Load();
        StoredMoment moment = heads.Moments[Snapshot("a")];
        Save(heads, heads.With(moment with { Document = moment.Document with { Description = "y" } }));
        string text = File.ReadAllText(path);
        foreach (string kept in (string[])["<description>y<", "passwd=\"secret\"", "<inactiveDomain", "<memory>2<", "<model>q</model>", "<active>1</active>", "urn:later"])
            Assert.Contains(kept, text, StringComparison.Ordinal);
        Assert.True(text.IndexOf("<mt:moment", StringComparison.Ordinal) < text.IndexOf("<domain ", StringComparison.Ordinal));
    }

    [Fact]
    public void WhereTheRestCannotBeReadTheFileIsNotWritten()
    {
        Save(DomainMoments.Empty, DomainMoments.Empty.With(Stored(Checkpoint("a"))));
        DomainMoments heads = Load();
        string path = Store.PathOf(Checkpoint("a"));
        string cut = File.ReadAllText(path)[..^30];
        File.WriteAllText(path, cut);
        // A list is not disturbed by what it does not show.
        Assert.Single(Load().Moments);
        StoredMoment moment = heads.Moments[Checkpoint("a")];
        MomentException failure = Assert.Throws<MomentException>(() => Store.Difference(heads, heads.With(moment with { Repository = "/r" })));
        Assert.Equal(XmlErrors.XmlMalformed, failure.ErrorId);
        Assert.Equal(cut, File.ReadAllText(path));
        Assert.Throws<InvalidOperationException>(() => MomentFile.Write(moment, []));
    }

    [Fact]
    public void OfTheTwinsEachHasItsOwnFileAndParent()
    {
        DomainMoments state = DomainMoments.Empty.With(Stored(Checkpoint("a"))).With(Stored(Snapshot("a"), Checkpoint("a"))).With(Stored(Checkpoint("b"), Snapshot("a")));
        Save(DomainMoments.Empty, state);
        MomentTree tree = Load().Tree(out IReadOnlyList<MomentTreeFault> faults);
        Assert.Empty(faults);
        Assert.Equal(Checkpoint("a"), tree.Find(Snapshot("a"))!.Parent);
        Assert.Equal(Snapshot("a"), tree.Find(Checkpoint("b"))!.Parent);
        Assert.Equal(MomentErrors.MomentAmbiguous, Assert.Throws<MomentException>(() => tree.Require("a")).ErrorId);
        Assert.Equal(Snapshot("a"), tree.Require("snapshot:a").Key);
        Assert.Equal(Checkpoint("a"), tree.Require("checkpoint:a").Key);
    }

    [Theory]
    [InlineData("with blanks and ümläuts")]
    [InlineData("a'b\"c&d<e>")]
    [InlineData("-rf")]
    public void NamesOfSnapshotsAreNamesOfFiles(string name) => AssertNameWorks(name);

    [Fact]
    public void TheLongestNameOfASnapshotIsTheNameOfAFile() => AssertNameWorks(string.Concat(Enumerable.Repeat("é", 100)));

    [Theory]
    [InlineData("running", "Running")]
    [InlineData("paused", "Paused")]
    [InlineData("crashed", "Running")]
    [InlineData("shutoff", "Shutoff")]
    [InlineData("disk-snapshot", "DiskSnapshot")]
    public void TheStateIsWhatLibvirtsFiltersTakeItFor(string word, string state) =>
        Assert.Equal(state, new SnapshotDocument { Name = "a", State = word }.MomentState().ToString());

    [Theory]
    [InlineData("", "Internal", "Internal")]
    [InlineData("<disks><disk name='vda' snapshot='internal'/><disk name='vdb' snapshot='no'/></disks>", "Internal", "Internal")]
    [InlineData("<disks><disk name='vda' snapshot='external'/></disks>", "External", "External")]
    [InlineData("<disks><disk name='vda'><source file='/a'/></disk></disks>", "External", "External")]
    [InlineData("<disks><disk name='vda' snapshot='internal'/><disk name='vdb' snapshot='external'/></disks>", "External", "Mixed")]
    [InlineData("<memory file='/m'/>", "External", "External")]
    [InlineData("<memory file='/m'/><disks><disk name='vda' snapshot='internal'/></disks>", "External", "Mixed")]
    public void TheLocationIsThatOfTheParts(string parts, string location, string text)
    {
        SnapshotDocument document = SnapshotDocument.Parse($"<domainsnapshot><name>a</name>{parts}</domainsnapshot>", "it", XmlOrigin.Store);
        Assert.Equal((location, text), (document.MomentLocation().ToString(), document.LocationText()));
    }

    [Fact]
    public void TwoGibibytesAreRefusedByTheirLength()
    {
        Save(DomainMoments.Empty, DomainMoments.Empty.With(Stored(Snapshot("a"))));
        using (FileStream file = File.Create(_scratch["snapshots/b.xml"]))
            file.SetLength(2L << 30);
        // So few files are read on this thread; other tests run on others.
        long before = GC.GetAllocatedBytesForCurrentThread();
        List<MomentException> faults = [];
        DomainMoments state = Store.Load(faults.Add);
        Assert.Equal(XmlErrors.XmlTooLarge, Assert.Single(faults).ErrorId);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 256 << 20);
        Assert.Equal([Snapshot("b")], state.Broken);
        Assert.Equal([Snapshot("a")], state.Moments.Keys);
        Assert.True(File.Exists(_scratch["snapshots/b.xml"]));
    }

    [Fact]
    public void AFolderInPlaceOfAFileIsToldAndTheRestLoads()
    {
        Save(DomainMoments.Empty, DomainMoments.Empty.With(Stored(Snapshot("a"))));
        Directory.CreateDirectory(_scratch["snapshots/b.xml"]);
        List<MomentException> faults = [];
        DomainMoments state = Store.Load(faults.Add);
        Assert.Contains("b.xml", Assert.Single(faults).Message, StringComparison.Ordinal);
        Assert.Equal([Snapshot("a")], state.Moments.Keys);
    }

    [Fact]
    public void ASecondBranchThatClaimsTheTipIsToldAndNotUsed()
    {
        Save(DomainMoments.Empty, SampleDomain.Line("a", "b"));
        string main = File.ReadAllText(_scratch["branches/main.xml"]);
        File.WriteAllText(_scratch["branches/other.xml"], main.Replace("tbvda", "zbvda", StringComparison.Ordinal));
        List<MomentException> faults = [];
        DomainMoments state = Store.Load(faults.Add);
        MomentException fault = Assert.Single(faults);
        Assert.Equal(MomentErrors.MomentCurrentAmbiguous, fault.ErrorId);
        Assert.Contains("other.xml", fault.Message, StringComparison.Ordinal);
        Assert.Equal("tbvda", state.Disk("vda").ActiveTip!.PointId);
        Assert.True(File.Exists(_scratch["branches/other.xml"]));
    }

    private void AssertNameWorks(string name)
    {
        MomentNames.CheckSnapshot(name);
        Save(DomainMoments.Empty, DomainMoments.Empty.With(Stored(Snapshot(name))));
        Assert.Equal([Snapshot(name)], Load().Moments.Keys);
        Assert.Equal([Snapshot(name)], Store.Keys());
        Save(Load(), DomainMoments.Empty);
        Assert.Empty(Store.Keys());
    }

    private static StoredMoment Stored(MomentKey key, MomentKey? parent = null)
    {
        string root = key.Kind == MomentKind.Checkpoint ? "domaincheckpoint" : "domainsnapshot";
        string above = parent is { } known ? $"<parent><name>{known.Name}</name></parent>" : "";
        string name = new System.Xml.Linq.XElement("name", key.Name).ToString();
        MomentDocument document = MomentDocuments.Parse($"<{root}>{name}{above}<creationTime>5</creationTime>{Domain}</{root}>", "it", XmlOrigin.Store);
        return new StoredMoment(key, "id" + key, document, parent, Start, null);
    }

    private static DomainMoments Reparented(DomainMoments state, MomentKey key, MomentKey? parent) =>
        state.With(state.Moments[key] with { Parent = parent, Document = state.Moments[key].Document with { ParentName = parent?.Name } });

    private string DomainPart(MomentKey key)
    {
        string text = File.ReadAllText(Store.PathOf(key));
        return text[text.IndexOf("<domain ", StringComparison.Ordinal)..text.IndexOf("</domain>", StringComparison.Ordinal)];
    }

    private DomainMoments Load() => Store.Load(failure => throw failure);

    private void Save(DomainMoments from, DomainMoments to)
    {
        using Journal journal = Journal.Begin(_scratch.Path, MomentIds.New(), "test", [], null);
        journal.Commit(Store.Difference(from, to));
    }
}
