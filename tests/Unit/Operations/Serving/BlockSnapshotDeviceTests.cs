using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations.Serving;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Block snapshots of machines that somebody else started, with all kinds of devices: which get a filter, and what is done for one that takes none.</summary>
public sealed class BlockSnapshotDeviceTests : IAsyncDisposable
{
    private const long Size = 16 << 20, Grain = FleeceMachine.Grain;

    private readonly AttachedGuest _guest = new("nbdcopy");

    [SkippableFact]
    public async Task DevicesOfAllKindsTakeAFilterAndRawDisksAreAsGood()
    {
        string[] disks = await _guest.StartAsync(
            ("raw", Size, ["-device", "virtio-blk-pci,drive=d0,id=v0"]),
            ("qcow2", Size, ["-device", "qemu-xhci", "-device", "usb-storage,drive=d1,id=u1"]),
            ("qcow2", Size, ["-object", "iothread,id=io", "-device", "virtio-scsi-pci,iothread=io,id=sc", "-device", "scsi-hd,bus=sc.0,drive=d2,id=s2"]),
            ("qcow2", Size, ["-device", "ide-hd,bus=ide.0,drive=d3,id=i3"]),
            ("qcow2", Size, ["-device", "nvme,drive=d4,id=n4,serial=x"]),
            ("raw", Size, ["-device", "ide-cd,bus=ide.1,drive=d5,id=c5"]));
        string before = await _guest.NodesAsync();
        await _guest.WriteAllAsync(1, 0, 4 * Grain);
        VMBlockSnapshot made = await _guest.Engine.CreateBlockSnapshotAsync(AttachedGuest.Name, new CreateBlockSnapshotRequest { Name = "one" }, _guest.Report, CancellationToken.None);
        Assert.Equal(5, made.Disks.Count);
        Assert.All(made.Disks, disk => Assert.Equal("copy-before-write", disk.Method));
        await _guest.WriteAllAsync(2, Grain, 2 * Grain);
        // A client that leaves by itself ends a QEMU before 9.0 whose disk belongs to an I/O thread; ours leaves last.
        foreach (VMBlockSnapshotDisk disk in made.Disks.Where(disk => disk.Name != disks[2]))
            await AssertShowsAsync("one", disk.Name, "v", (0, 4 * Grain, 1));
        await _guest.Engine.CreateCheckpointAsync(AttachedGuest.Name, new CreateCheckpointRequest { Name = "beside", TrackableOnly = true }, _guest.Report, CancellationToken.None);
        MomentException threads = await Assert.ThrowsAsync<MomentException>(() => _guest.Engine.StartBlockExportAsync(AttachedGuest.Name, new StartBlockExportRequest { Snapshot = "one" }, _guest.Report, CancellationToken.None));
        Assert.Equal(ExportErrors.ExportWithIoThread, threads.ErrorId);
        Assert.All((await _guest.Engine.GetBlockSnapshotsAsync(AttachedGuest.Name, _guest.Report, CancellationToken.None))[0].Disks, disk => Assert.Equal(VMServiceState.Ready, disk.State));
        Assert.Empty(await _guest.Engine.GetChangedBlocksAsync(AttachedGuest.Name, "beside", [disks[2]], _guest.Report, CancellationToken.None));
        await _guest.Engine.RemoveBlockSnapshotAsync(AttachedGuest.Name, "one", _guest.Report, CancellationToken.None);
        Assert.Equal(before, await _guest.NodesAsync());
        Assert.Empty(Directory.EnumerateFiles(_guest.Scratch.Path, "*scratch*"));
        MomentException cdrom = await Assert.ThrowsAsync<MomentException>(
            () => _guest.Engine.CreateBlockSnapshotAsync(AttachedGuest.Name, new CreateBlockSnapshotRequest { Disks = [disks[5]] }, _guest.Report, CancellationToken.None));
        Assert.Equal(BlockSnapshotErrors.BlockSnapshotDiskUnsupported, cdrom.ErrorId);
        Assert.Contains(disks[5], cdrom.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task ADiskThatTakesNoFilterIsCopiedByAJobAndTheRiskIsSaid()
    {
        string[] disks = await _guest.StartAsync(
            ("qcow2", Size, ["-device", "virtio-blk-pci,drive=d0,id=v0,share-rw=on"]),
            ("qcow2", Size, ["-device", "virtio-blk-pci,drive=d1,id=v1"]));
        await _guest.Engine.CreateCheckpointAsync(AttachedGuest.Name, new CreateCheckpointRequest { Name = "base" }, _guest.Report, CancellationToken.None);
        // Another writer on its node: a filter wants to be the only one that the node writes for.
        await _guest.QmpAsync("nbd-server-start", JsonSerializer.Serialize(new { addr = new { type = "unix", data = new { path = _guest.Scratch["n"] } } }));
        await _guest.QmpAsync("block-export-add", """{"type":"nbd","id":"w","node-name":"d0","name":"w","writable":true}""");
        await _guest.WriteAllAsync(1, 0, 4 * Grain);
        string before = await _guest.NodesAsync();
        VMBlockSnapshot made = await _guest.Engine.CreateBlockSnapshotAsync(AttachedGuest.Name, new CreateBlockSnapshotRequest { Name = "one", NewCheckpoint = "instant" }, _guest.Report, CancellationToken.None);
        Assert.Equal(["backup", "copy-before-write"], made.Disks.Select(disk => disk.Method));
        Assert.Contains(_guest.Report.Warnings, text => text.Contains(disks[0], StringComparison.Ordinal) && text.Contains("the guest's writes", StringComparison.Ordinal));
        await _guest.WriteAllAsync(2, Grain, 2 * Grain);
        Tool.Run("qemu-io", "-f", "raw", "-c", $"write -P 3 {8 * Grain} {Grain}", $"nbd+unix:///w?socket={_guest.Scratch["n"]}");
        await AssertShowsAsync("one", disks[0], "q", (0, 4 * Grain, 1));
        await AssertShowsAsync("one", disks[1], "v", (0, 4 * Grain, 1));
        Assert.Equal([(Grain, 2 * Grain), (8 * Grain, Grain)], (await _guest.Engine.GetChangedBlocksAsync(AttachedGuest.Name, "instant", [disks[0]], _guest.Report, CancellationToken.None)).Select(run => (run.Offset, run.Length)));
        Assert.Equal(VMServiceState.Ready, (await _guest.Engine.GetBlockSnapshotsAsync(AttachedGuest.Name, _guest.Report, CancellationToken.None))[0].State);
        await _guest.Engine.RemoveBlockSnapshotAsync(AttachedGuest.Name, "one", _guest.Report, CancellationToken.None);
        Assert.Equal(before, await _guest.NodesAsync());
        Assert.Equal(0, (await _guest.QmpAsync("query-jobs")).GetArrayLength());
        Assert.Equal(["base", "instant"], (await _guest.Engine.GetMomentsAsync(AttachedGuest.Name, new MomentQuery(), _guest.Report, CancellationToken.None)).Select(moment => moment.Name));
    }

    public ValueTask DisposeAsync() => _guest.DisposeAsync();

    private async Task AssertShowsAsync(string snapshot, string disk, string end, (long Offset, long Length, byte Pattern) written)
    {
        BlockSnapshotRecord record = new ServiceRecords(Path.Combine(_guest.Scratch["state"], "domains", AttachedGuest.Name)).Snapshots(failure => throw failure).Single(one => one.Name == snapshot);
        string node = $"mt-bs-{record.Id}-{record.Disks.Single(one => one.Name == disk).Number}-{end}", raw = _guest.Scratch["raw"];
        bool served = (await _guest.QmpAsync("query-block-exports")).GetArrayLength() > 0;
        if (!served)
            await _guest.QmpAsync("nbd-server-start", JsonSerializer.Serialize(new { addr = new { type = "unix", data = new { path = _guest.Scratch["n"] } } }));
        await _guest.QmpAsync("block-export-add", $$"""{"type":"nbd","id":"r","node-name":"{{node}}","name":"r"}""");
        Tool.Run("nbdcopy", $"nbd+unix:///r?socket={_guest.Scratch["n"]}", raw);
        await _guest.QmpAsync("block-export-del", """{"id":"r","mode":"hard"}""");
        while ((await _guest.QmpAsync("query-block-exports")).EnumerateArray().Any(export => export.GetProperty("id").GetString() == "r"))
            await Task.Delay(10);
        if (!served)
            await _guest.QmpAsync("nbd-server-stop");
        byte[] expected = new byte[Size];
        expected.AsSpan((int)written.Offset, (int)written.Length).Fill(written.Pattern);
        byte[] shown = await File.ReadAllBytesAsync(raw);
        File.Delete(raw);
        Assert.True(expected.AsSpan().SequenceEqual(shown), $"{disk} is not shown as it was");
    }
}
