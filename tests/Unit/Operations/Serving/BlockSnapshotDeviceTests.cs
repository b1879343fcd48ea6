using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations.Serving;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Block snapshots of machines that somebody else started, with all kinds of devices: which get a filter, and what is done for one that takes none.</summary>
public sealed class BlockSnapshotDeviceTests : IAsyncDisposable
{
    private const string Name = "guest";
    private const long Size = 16 << 20, Grain = FleeceMachine.Grain;

    private readonly ScratchDirectory _scratch = new();
    private readonly MomentEngine _engine;
    private readonly TestReport _report = new();

    public BlockSnapshotDeviceTests() =>
        _engine = new MomentEngine(new MomentEngineOptions { StateRoot = _scratch["state"], RuntimeRoot = _scratch["run"], LockTimeout = TimeSpan.FromMinutes(2) });

    [SkippableFact]
    public async Task DevicesOfAllKindsTakeAFilterAndRawDisksAreAsGood()
    {
        string[] disks = await StartAsync(
            ("raw", ["-device", "virtio-blk-pci,drive=d0,id=v0"]),
            ("qcow2", ["-device", "qemu-xhci", "-device", "usb-storage,drive=d1,id=u1"]),
            ("qcow2", ["-object", "iothread,id=io", "-device", "virtio-scsi-pci,iothread=io,id=sc", "-device", "scsi-hd,bus=sc.0,drive=d2,id=s2"]),
            ("qcow2", ["-device", "ide-hd,bus=ide.0,drive=d3,id=i3"]),
            ("qcow2", ["-device", "nvme,drive=d4,id=n4,serial=x"]),
            ("raw", ["-device", "ide-cd,bus=ide.1,drive=d5,id=c5"]));
        string before = await NodesAsync();
        await WriteAllAsync(1, 0, 4 * Grain);
        VMBlockSnapshot made = await _engine.CreateBlockSnapshotAsync(Name, new CreateBlockSnapshotRequest { Name = "one" }, _report, CancellationToken.None);
        Assert.Equal(5, made.Disks.Count);
        Assert.All(made.Disks, disk => Assert.Equal("copy-before-write", disk.Method));
        await WriteAllAsync(2, Grain, 2 * Grain);
        // A client that leaves by itself ends a QEMU before 9.0 whose disk belongs to an I/O thread; ours leaves last.
        foreach (VMBlockSnapshotDisk disk in made.Disks.Where(disk => disk.Name != disks[2]))
            await AssertShowsAsync("one", disk.Name, "v", (0, 4 * Grain, 1));
        await _engine.CreateCheckpointAsync(Name, new CreateCheckpointRequest { Name = "beside", TrackableOnly = true }, _report, CancellationToken.None);
        MomentException threads = await Assert.ThrowsAsync<MomentException>(() => _engine.StartBlockExportAsync(Name, new StartBlockExportRequest { Snapshot = "one" }, _report, CancellationToken.None));
        Assert.Equal(ExportErrors.ExportWithIoThread, threads.ErrorId);
        Assert.All((await _engine.GetBlockSnapshotsAsync(Name, _report, CancellationToken.None))[0].Disks, disk => Assert.Equal(VMServiceState.Ready, disk.State));
        Assert.Empty(await _engine.GetChangedBlocksAsync(Name, "beside", [disks[2]], _report, CancellationToken.None));
        await _engine.RemoveBlockSnapshotAsync(Name, "one", _report, CancellationToken.None);
        Assert.Equal(before, await NodesAsync());
        Assert.Empty(Directory.EnumerateFiles(_scratch.Path, "*scratch*"));
        MomentException cdrom = await Assert.ThrowsAsync<MomentException>(
            () => _engine.CreateBlockSnapshotAsync(Name, new CreateBlockSnapshotRequest { Disks = [disks[5]] }, _report, CancellationToken.None));
        Assert.Equal(BlockSnapshotErrors.BlockSnapshotDiskUnsupported, cdrom.ErrorId);
        Assert.Contains(disks[5], cdrom.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task ADiskThatTakesNoFilterIsCopiedByAJobAndTheRiskIsSaid()
    {
        string[] disks = await StartAsync(
            ("qcow2", ["-device", "virtio-blk-pci,drive=d0,id=v0,share-rw=on"]),
            ("qcow2", ["-device", "virtio-blk-pci,drive=d1,id=v1"]));
        await _engine.CreateCheckpointAsync(Name, new CreateCheckpointRequest { Name = "base" }, _report, CancellationToken.None);
        // Another writer on its node: a filter wants to be the only one that the node writes for.
        await QmpAsync("nbd-server-start", JsonSerializer.Serialize(new { addr = new { type = "unix", data = new { path = _scratch["n"] } } }));
        await QmpAsync("block-export-add", """{"type":"nbd","id":"w","node-name":"d0","name":"w","writable":true}""");
        await WriteAllAsync(1, 0, 4 * Grain);
        string before = await NodesAsync();
        VMBlockSnapshot made = await _engine.CreateBlockSnapshotAsync(Name, new CreateBlockSnapshotRequest { Name = "one", NewCheckpoint = "instant" }, _report, CancellationToken.None);
        Assert.Equal(["backup", "copy-before-write"], made.Disks.Select(disk => disk.Method));
        Assert.Contains(_report.Warnings, text => text.Contains(disks[0], StringComparison.Ordinal) && text.Contains("the guest's writes", StringComparison.Ordinal));
        await WriteAllAsync(2, Grain, 2 * Grain);
        Tool.Run("qemu-io", "-f", "raw", "-c", $"write -P 3 {8 * Grain} {Grain}", $"nbd+unix:///w?socket={_scratch["n"]}");
        await AssertShowsAsync("one", disks[0], "q", (0, 4 * Grain, 1));
        await AssertShowsAsync("one", disks[1], "v", (0, 4 * Grain, 1));
        Assert.Equal([(Grain, 2 * Grain), (8 * Grain, Grain)], (await _engine.GetChangedBlocksAsync(Name, "instant", [disks[0]], _report, CancellationToken.None)).Select(run => (run.Offset, run.Length)));
        Assert.Equal(VMServiceState.Ready, (await _engine.GetBlockSnapshotsAsync(Name, _report, CancellationToken.None))[0].State);
        await _engine.RemoveBlockSnapshotAsync(Name, "one", _report, CancellationToken.None);
        Assert.Equal(before, await NodesAsync());
        Assert.Equal(0, (await QmpAsync("query-jobs")).GetArrayLength());
        Assert.Equal(["base", "instant"], (await _engine.GetMomentsAsync(Name, new MomentQuery(), _report, CancellationToken.None)).Select(moment => moment.Name));
    }

    public async ValueTask DisposeAsync()
    {
        if (File.Exists(_scratch["pid"]))
            await QmpAsync("quit");
        _scratch.Dispose();
    }

    // The names of the disks, in their order.
    private async Task<string[]> StartAsync(params (string Format, string[] Device)[] disks)
    {
        Tool.Require("qemu-system-x86_64", "qemu-img", "qemu-io", "nbdcopy");
        List<string> line = ["-nodefaults", "-display", "none", "-machine", "q35", "-accel", "tcg", "-m", "64", "-daemonize", "-pidfile", _scratch["pid"], "-qmp", $"unix:{_scratch["q"]},server=on,wait=off"];
        for (int index = 0; index < disks.Length; index++)
        {
            Tool.Run("qemu-img", "create", "-q", "-f", disks[index].Format, Image(index), "16M");
            bool readOnly = disks[index].Device.Any(word => word.StartsWith("ide-cd", StringComparison.Ordinal));
            line.AddRange(["-blockdev", JsonSerializer.Serialize(new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["driver"] = disks[index].Format, ["node-name"] = $"d{index}", ["read-only"] = readOnly, ["file"] = new { driver = "file", filename = Image(index) },
            })]);
            line.AddRange(disks[index].Device);
        }

        Tool.Run("qemu-system-x86_64", [.. line]);
        VMDomain domain = await _engine.RegisterDomainAsync(new RegisterDomainRequest { Name = Name, Monitor = "unix:" + _scratch["q"] }, _report, CancellationToken.None);
        return [.. Enumerable.Range(0, disks.Length).Select(index => domain.Disks.Single(disk => disk.Path == Image(index)).Name)];
    }

    private string Image(int index) => _scratch[$"i{index}.img"];

    private Task<JsonElement> QmpAsync(string command, string? arguments = null) => _engine.InvokeQmpAsync(Name, command, arguments, CancellationToken.None);

    private async Task<string> NodesAsync()
    {
        JsonElement nodes = await QmpAsync("query-named-block-nodes", """{"flat":true}""");
        return string.Join(' ', nodes.EnumerateArray().Select(node => node.GetProperty("node-name").GetString()).Order(StringComparer.Ordinal));
    }

    // Into all disks that can be written, as their devices do.
    private async Task WriteAllAsync(byte pattern, long offset, long length)
    {
        foreach (JsonElement device in (await QmpAsync("query-block")).EnumerateArray())
        {
            string path = device.GetProperty("qdev").GetString()!;
            if (path == "c5")
                continue;
            string line = $"qemu-io -d {(path.StartsWith('/') ? path : "/machine/peripheral/" + path)} \"write -P {pattern} {offset} {length}\"";
            Assert.Equal("", (await QmpAsync("human-monitor-command", JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal) { ["command-line"] = line }))).GetString());
        }
    }

    private async Task AssertShowsAsync(string snapshot, string disk, string end, (long Offset, long Length, byte Pattern) written)
    {
        BlockSnapshotRecord record = new ServiceRecords(Path.Combine(_scratch["state"], "domains", Name)).Snapshots(failure => throw failure).Single(one => one.Name == snapshot);
        string node = $"mt-bs-{record.Id}-{record.Disks.Single(one => one.Name == disk).Number}-{end}", raw = _scratch["raw"];
        bool served = (await QmpAsync("query-block-exports")).GetArrayLength() > 0;
        if (!served)
            await QmpAsync("nbd-server-start", JsonSerializer.Serialize(new { addr = new { type = "unix", data = new { path = _scratch["n"] } } }));
        await QmpAsync("block-export-add", $$"""{"type":"nbd","id":"r","node-name":"{{node}}","name":"r"}""");
        Tool.Run("nbdcopy", $"nbd+unix:///r?socket={_scratch["n"]}", raw);
        await QmpAsync("block-export-del", """{"id":"r","mode":"hard"}""");
        while ((await QmpAsync("query-block-exports")).EnumerateArray().Any(export => export.GetProperty("id").GetString() == "r"))
            await Task.Delay(10);
        if (!served)
            await QmpAsync("nbd-server-stop");
        byte[] expected = new byte[Size];
        expected.AsSpan((int)written.Offset, (int)written.Length).Fill(written.Pattern);
        byte[] shown = await File.ReadAllBytesAsync(raw);
        File.Delete(raw);
        Assert.True(expected.AsSpan().SequenceEqual(shown), $"{disk} is not shown as it was");
    }
}
