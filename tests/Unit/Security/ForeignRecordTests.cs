using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Layers;
using MomentTools.Tests.Operations;
using MomentTools.Tests.Operations.Health;
using MomentTools.Tests.Support;

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
        Assert.True((await LayerFollow.ProvenAsync(disk, CancellationToken.None)).Layers[overlay.Id].Made);

        // Another disk, of which the document knows even the inode.
        string other = Path.Combine(machine.Scratch, "precious.qcow2");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", other, "64M");
        FileStamp stamp = FileStamp.Of(other)!;
        TrackingLayer claimed = overlay with { Path = other, Facts = overlay.Facts! with { Device = stamp.Device, Inode = stamp.Inode } };
        Assert.False((await LayerFollow.ProvenAsync(disk.WithLayer(claimed), CancellationToken.None)).Layers[overlay.Id].Made);
        Assert.False((await LayerFollow.ProvenAsync(disk.WithLayer(claimed with { Facts = claimed.Facts! with { Format = "raw" } }), CancellationToken.None)).Layers[overlay.Id].Made);
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
