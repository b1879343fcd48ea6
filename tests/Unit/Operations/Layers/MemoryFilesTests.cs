using MomentTools.Moments;
using MomentTools.Operations.Layers;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Layers;

public sealed class MemoryFilesTests
{
    [Fact]
    public void AFileThatTwoNameStaysUntilBothAreGone()
    {
        StoredMoment one = Moment("one"), two = Moment("two");
        DomainMoments both = DomainMoments.Empty.With(one).With(two);
        Assert.Empty(MemoryFiles.Unused(both.Without([one.Key]), ["/m/shared"]));
        DomainMoments branch = both.Without([one.Key, two.Key]).With(new Branch("left") { Memory = "/m/shared" });
        Assert.Empty(MemoryFiles.Unused(branch, ["/m/shared"]));
        Assert.Equal(["/m/shared"], MemoryFiles.Unused(branch.WithoutBranch("left"), ["/m/shared", "/m/shared"]));
    }

    [Fact]
    public void AFileIsTheSameByAnyNameAndStaysWhereWhatNamesItCannotBeRead()
    {
        using var scratch = new ScratchDirectory();
        File.WriteAllText(scratch["memory"], "QEVM");
        File.CreateSymbolicLink(scratch["link"], scratch["memory"]);
        DomainMoments state = DomainMoments.Empty.With(new Branch("left") { Memory = scratch["link"] });
        Assert.Empty(MemoryFiles.Unused(state, [scratch["memory"]]));
        DomainMoments without = state.WithoutBranch("left");
        Assert.Equal([scratch["memory"]], MemoryFiles.Unused(without, [scratch["memory"]]));
        Assert.Empty(MemoryFiles.Unused(without with { BrokenBranches = new HashSet<string>(StringComparer.Ordinal) { "torn" } }, [scratch["memory"]]));
        Assert.Empty(MemoryFiles.Unused(without with { Broken = new HashSet<MomentKey> { new(MomentKind.Snapshot, "torn") } }, [scratch["memory"]]));
    }

    [Fact]
    public void OnlyAStreamOfQemuIsRemoved()
    {
        using var scratch = new ScratchDirectory();
        File.WriteAllText(scratch["ours"], "QEVM and more");
        File.WriteAllText(scratch["theirs"], "LibvirtQemudSave");
        Assert.Equal([(scratch["ours"], 13L)], MemoryFiles.Remove([scratch["ours"], scratch["theirs"], scratch["gone"]]));
        Assert.True(File.Exists(scratch["theirs"]));
        Assert.False(File.Exists(scratch["ours"]));
    }

    private static StoredMoment Moment(string name) => new(
        new MomentKey(MomentKind.Snapshot, name), name, new SnapshotDocument { Name = name, State = "running", Memory = new SnapshotMemory(SnapshotMode.External, "/m/shared") }, null, DateTimeOffset.UnixEpoch, null);
}
