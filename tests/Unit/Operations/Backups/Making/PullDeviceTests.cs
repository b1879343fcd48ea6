using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Making;

/// <summary>Backups by pull of machines that somebody else started: raw disks, odd sizes, a disk that takes no filter, I/O threads.</summary>
public sealed class PullDeviceTests : IAsyncDisposable
{
    private const string Name = "guest";
    private const long Grain = 65536;

    private readonly ScratchDirectory _scratch = new();
    private readonly MomentEngine _engine;
    private readonly TestReport _report = new();

    public PullDeviceTests() =>
        _engine = new MomentEngine(new MomentEngineOptions { StateRoot = _scratch["state"], RuntimeRoot = _scratch["run"], LockTimeout = TimeSpan.FromMinutes(2) });

    [SkippableFact]
    public async Task RawDisksAndOddSizesAreComparedWithTheBackupBefore()
    {
        string[] disks = await StartAsync(
            ("raw", 16 << 20, ["-device", "virtio-blk-pci,drive=d0,id=v0"]),
            ("qcow2", (16 << 20) + 512 * 7, ["-device", "ide-hd,bus=ide.0,drive=d1,id=i1"]),
            ("qcow2", 16 << 20, ["-device", "qemu-xhci", "-device", "usb-storage,drive=d2,id=u2"]));
        await WriteAllAsync(1, 0, 6 * Grain);
        VMBackup full = await AssertRightAsync(await BackupAsync(VMBackupKind.Full), disks);
        await WriteAllAsync(2, Grain, Grain);
        VMBackup next = await AssertRightAsync(await BackupAsync(VMBackupKind.Automatic), disks);
        Assert.Equal("pull", next.Mode);
        Assert.Equal([true, false, false], disks.Select(disk => next.Disks.Single(one => one.Name == disk).Compared));
        Assert.All(next.Disks, disk => Assert.Equal((full.Id, Grain), (disk.ParentId, disk.CopiedBytes)));
    }

    [SkippableFact]
    public async Task ADiskThatTakesNoFilterIsCopiedByAJobInPlaceOfOne()
    {
        string[] disks = await StartAsync(
            ("qcow2", 16 << 20, ["-device", "virtio-blk-pci,drive=d0,id=v0,share-rw=on"]),
            ("qcow2", 16 << 20, ["-device", "virtio-blk-pci,drive=d1,id=v1"]));
        // Another writer on its node: a filter wants to be the only one that the node writes for.
        await QmpAsync("nbd-server-start", JsonSerializer.Serialize(new { addr = new { type = "unix", data = new { path = _scratch["n"] } } }));
        await QmpAsync("block-export-add", """{"type":"nbd","id":"w","node-name":"d0","name":"w","writable":true}""");
        await WriteAllAsync(1, 0, 4 * Grain);
        string before = await NodesAsync();
        await AssertRightAsync(await BackupAsync(VMBackupKind.Automatic), disks);
        Assert.Contains(_report.Warnings, text => text.Contains(disks[0], StringComparison.Ordinal) && text.Contains("the guest's writes", StringComparison.Ordinal));
        await WriteAllAsync(2, Grain, Grain);
        VMBackup increment = await AssertRightAsync(await BackupAsync(VMBackupKind.Incremental), disks);
        Assert.All(increment.Disks, disk => Assert.Equal(Grain, disk.CopiedBytes));
        Assert.Equal(before, await NodesAsync());
        Assert.Equal(0, (await QmpAsync("query-jobs")).GetArrayLength());
        Assert.Equal(1, (await QmpAsync("query-block-exports")).GetArrayLength());
        Assert.Empty(Directory.EnumerateFiles(_scratch.Path, "*scratch*"));
    }

    [SkippableFact]
    public async Task AMachineWithThreadsThatExportsWouldEndIsNotPulledAndWhatIsToBeComparedIsStoredInFull()
    {
        await StartAsync(
            ("qcow2", 16 << 20, ["-object", "iothread,id=io", "-device", "virtio-blk-pci,drive=d0,id=v0,iothread=io"]),
            ("raw", 16 << 20, ["-device", "virtio-blk-pci,drive=d1,id=v1"]));
        Skip.If((await QmpAsync("query-version")).GetProperty("qemu").GetProperty("major").GetInt32() >= 9, "this QEMU survives the readers of such disks");
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => BackupAsync(VMBackupKind.Automatic));
        Assert.Equal(BackupErrors.BackupPullUnsupported, refused.ErrorId);
        Assert.Empty(await _engine.GetMomentsAsync(Name, new MomentQuery(), _report, CancellationToken.None));
        await BackupAsync(VMBackupKind.Automatic, pull: false);
        VMBackup second = await BackupAsync(VMBackupKind.Automatic, pull: false);
        Assert.Equal("push", second.Mode);
        Assert.Equal([VMBackupKind.Full, VMBackupKind.Incremental], second.Disks.Select(disk => disk.Kind).Order());
    }

    public async ValueTask DisposeAsync()
    {
        if (File.Exists(_scratch["pid"]))
            await QmpAsync("quit");
        _scratch.Dispose();
    }

    private Task<VMBackup> BackupAsync(VMBackupKind kind, bool pull = true) =>
        _engine.BackupAsync(Name, new BackupRequest { Repository = _scratch["repo"], Pull = pull, Kind = kind }, _report, CancellationToken.None);

    // Nobody writes between the backup and the look at the images.
    private async Task<VMBackup> AssertRightAsync(VMBackup backup, string[] disks)
    {
        foreach (JsonElement device in (await QmpAsync("query-block")).EnumerateArray())
            await IoAsync(device.GetProperty("qdev").GetString()!, "flush");
        string destination = _scratch["r" + backup.Id];
        IReadOnlyList<VMRestoredDisk> restored = await _engine.RestoreBackupAsync(
            Name, new RestoreBackupRequest { Repository = _scratch["repo"], Id = backup.Id, Destination = destination, Format = "qcow2" }, _report, CancellationToken.None);
        foreach ((string disk, int index) in disks.Select((disk, index) => (disk, index)))
            Tool.Run("qemu-img", "compare", "-U", "-f", await FormatAsync(index), "-F", "qcow2", Image(index), restored.Single(one => one.Disk == disk).Path);
        return backup;
    }

    private async Task<string> FormatAsync(int index) =>
        (await QmpAsync("query-named-block-nodes", """{"flat":true}""")).EnumerateArray().Single(node => node.GetProperty("node-name").GetString() == $"d{index}").GetProperty("drv").GetString()!;

    // The names of the disks, in their order.
    private async Task<string[]> StartAsync(params (string Format, long Size, string[] Device)[] disks)
    {
        Tool.Require("qemu-system-x86_64", "qemu-img", "qemu-io", "qemu-storage-daemon");
        List<string> line = ["-nodefaults", "-display", "none", "-machine", "q35", "-accel", "tcg", "-m", "64", "-daemonize", "-pidfile", _scratch["pid"], "-qmp", $"unix:{_scratch["q"]},server=on,wait=off"];
        for (int index = 0; index < disks.Length; index++)
        {
            Tool.Run("qemu-img", "create", "-q", "-f", disks[index].Format, Image(index), $"{disks[index].Size}");
            line.AddRange(["-blockdev", JsonSerializer.Serialize(new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["driver"] = disks[index].Format, ["node-name"] = $"d{index}", ["file"] = new { driver = "file", filename = Image(index) },
            })]);
            line.AddRange(disks[index].Device);
        }

        Tool.Run("qemu-system-x86_64", [.. line]);
        VMDomain domain = await _engine.RegisterDomainAsync(new RegisterDomainRequest { Name = Name, Monitor = "unix:" + _scratch["q"] }, _report, CancellationToken.None);
        return [.. Enumerable.Range(0, disks.Length).Select(index => domain.Disks.Single(disk => disk.Path == Image(index)).Name)];
    }

    private string Image(int index) => _scratch[$"i{index}.img"];

    private Task<JsonElement> QmpAsync(string command, string? arguments = null) => _engine.InvokeQmpAsync(Name, command, arguments, CancellationToken.None);

    private async Task<string> NodesAsync() => string.Join(
        ' ', (await QmpAsync("query-named-block-nodes", """{"flat":true}""")).EnumerateArray().Select(node => node.GetProperty("node-name").GetString()).Order(StringComparer.Ordinal));

    private async Task WriteAllAsync(byte pattern, long offset, long length)
    {
        foreach (JsonElement device in (await QmpAsync("query-block")).EnumerateArray())
            await IoAsync(device.GetProperty("qdev").GetString()!, $"write -P {pattern} {offset} {length}");
    }

    // As the device does.
    private async Task IoAsync(string device, string command)
    {
        string line = $"qemu-io -d {(device.StartsWith('/') ? device : "/machine/peripheral/" + device)} \"{command}\"";
        Assert.Equal("", (await QmpAsync("human-monitor-command", JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal) { ["command-line"] = line }))).GetString());
    }
}
