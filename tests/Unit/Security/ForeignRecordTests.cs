using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Layers;
using MomentTools.Tests.Operations;
using MomentTools.Tests.Operations.Health;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Security;

/// <summary>Moment documents from a stranger: what they say of files makes none of them ours.</summary>
public sealed class ForeignRecordTests
{
    [SkippableFact]
    public async Task AFileCountsAsMadeHereOnlyByTheMarkInIt()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.SnapshotAsync("one", request => request with { DiskOnly = true });
        DiskTracking disk = BranchDrifts.StateOf(machine).Disk("vda");
        TrackingLayer overlay = Assert.Single(disk.Layers.Values, layer => layer.Made);
        Assert.True((await LayerFollow.ProvenAsync(disk, null, CancellationToken.None)).Layers[overlay.Id].Made);

        // Another disk, of which the document knows even the inode.
        string other = Path.Combine(machine.Scratch, "precious.qcow2");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", other, "64M");
        FileStamp stamp = FileStamp.Of(other)!;
        TrackingLayer claimed = overlay with { Path = other, Facts = overlay.Facts! with { Device = stamp.Device, Inode = stamp.Inode } };
        Assert.False((await LayerFollow.ProvenAsync(disk.WithLayer(claimed), null, CancellationToken.None)).Layers[overlay.Id].Made);
        Assert.False((await LayerFollow.ProvenAsync(disk.WithLayer(claimed with { Facts = claimed.Facts! with { Format = "raw" } }), null, CancellationToken.None)).Layers[overlay.Id].Made);
    }

    // Of an image that QEMU has open its file does not tell the marks: then QEMU does.
    [SkippableFact]
    public async Task AnOpenImageCountsAsMadeHereOnlyByTheMarkThatQemuHas()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.SnapshotAsync("one", request => request with { DiskOnly = true });
        DiskTracking disk = BranchDrifts.StateOf(machine).Disk("vda");
        TrackingLayer overlay = Assert.Single(disk.Layers.Values, layer => layer.Made);
        string other = Path.Combine(machine.Scratch, "precious.qcow2");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", other, "64M");
        DiskTracking claimed = disk.WithLayer(overlay with { Path = other });
        var mark = new ObservedBitmap(disk.ActiveTip!.Marker, 65536, Recording: false, Inconsistent: false, Persistent: true, Busy: false, 0);
        Assert.True(await IsMadeAsync(other, mark));
        Assert.False(await IsMadeAsync(overlay.Path, mark));
        Assert.False(await IsMadeAsync(other));
        Assert.False(await IsMadeAsync(other, mark with { Name = mark.Name + "x" }));
        Assert.False(await IsMadeAsync(other, mark with { Recording = true }));
        Assert.False(await IsMadeAsync(other, mark with { Inconsistent = true }));
        Assert.False(await IsMadeAsync(other, mark with { Persistent = false }));

        async Task<bool> IsMadeAsync(string path, params ObservedBitmap[] bitmaps) =>
            (await LayerFollow.ProvenAsync(claimed, new ObservedLayer(path, 64 << 20, bitmaps.ToDictionary(bitmap => bitmap.Name, StringComparer.Ordinal)), CancellationToken.None)).Layers[overlay.Id].Made;
    }

    [SkippableFact]
    public async Task AFileOfTheHostIsNoLayerByTheRecordsWord()
    {
        using var elsewhere = new ScratchDirectory();
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.SnapshotAsync("one", request => request with { DiskOnly = true });
        var domain = DomainDocument.Parse(await File.ReadAllTextAsync(Path.Combine(machine.StateDirectory, "domain.xml")), "domain.xml");
        DiskTracking disk = BranchDrifts.StateOf(machine).Disk("vda");
        await BackingGate.RequireAsync(domain, [disk], CancellationToken.None);

        // What bears the mark may lie anywhere; a file that the document chose may not, be it a base or what another branch would write to.
        TrackingLayer overlay = Assert.Single(disk.Layers.Values, layer => layer.Made);
        File.Copy(overlay.Path, elsewhere["copy.qcow2"]);
        await BackingGate.RequireAsync(domain, [disk.WithLayer(overlay with { Path = elsewhere["copy.qcow2"] })], CancellationToken.None);
        File.WriteAllText(elsewhere["precious"], "mine");
        FileStamp stamp = FileStamp.Of(elsewhere["precious"])!;
        var claimed = new TrackingLayer("x", elsewhere["precious"], null, Facts: new LayerFacts("raw", stamp.Device, stamp.Inode, null, null, stamp.Length, stamp.Modified));
        DiskTracking branch = disk.WithLayer(claimed) with { Tips = new Dictionary<string, TrackingTip>(disk.Tips, StringComparer.Ordinal) { ["other"] = new TrackingTip("p", "x", "r") } };
        foreach (DiskTracking record in (DiskTracking[])[disk.WithLayer(claimed), branch])
            Assert.Equal((DiskErrors.DiskBackingForeign, claimed.Path), await RefusedAsync(record));

        // An image beside the disk's, which is another branch's, and stands on such a file.
        string other = Path.Combine(machine.Scratch, "other.qcow2");
        Tool.Run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", claimed.Path, "-F", "raw", other, "64M");
        Assert.Equal((DiskErrors.DiskBackingForeign, claimed.Path), await RefusedAsync(branch.WithLayer(claimed with { Path = other, Facts = claimed.Facts! with { Format = "qcow2" } })));

        async Task<(ErrorId, string?)> RefusedAsync(DiskTracking record)
        {
            MomentException refused = await Assert.ThrowsAsync<MomentException>(() => BackingGate.RequireAsync(domain, [record], CancellationToken.None));
            return (refused.ErrorId, refused.Target);
        }
    }

    [Fact]
    public void AMemoryFileThatIsNoneIsNeitherReadNorRemoved()
    {
        using var scratch = new ScratchDirectory();
        string fifo = scratch["fifo"], text = scratch["text"];
        Tool.Run("mkfifo", fifo);
        File.WriteAllText(text, "mine");
        Assert.Empty(MemoryFiles.Remove([fifo, text, scratch.Path, "/dev/zero", scratch["none"]]));
        Assert.Equal("mine", File.ReadAllText(text));
        foreach (string path in (string[])[fifo, text, scratch.Path, "/dev/zero"])
            Assert.Equal(MachineErrors.MemoryFileBroken, Assert.Throws<MomentException>(() => new IncomingMemory("web1", path).Check()).ErrorId);
    }
}
