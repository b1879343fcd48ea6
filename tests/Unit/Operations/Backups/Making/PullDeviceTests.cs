using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Making;

/// <summary>Backups by pull of machines that somebody else started: raw disks, odd sizes, a disk that takes no filter, I/O threads.</summary>
public sealed class PullDeviceTests : IAsyncDisposable
{
    private const long Grain = 65536;

    private readonly AttachedGuest _guest = new("qemu-storage-daemon");

    [SkippableFact]
    public async Task RawDisksAndOddSizesAreComparedWithTheBackupBefore()
    {
        string[] disks = await _guest.StartAsync(
            ("raw", 16 << 20, ["-device", "virtio-blk-pci,drive=d0,id=v0"]),
            ("qcow2", (16 << 20) + 512 * 7, ["-device", "ide-hd,bus=ide.0,drive=d1,id=i1"]),
            ("qcow2", 16 << 20, ["-device", "qemu-xhci", "-device", "usb-storage,drive=d2,id=u2"]));
        await _guest.WriteAllAsync(1, 0, 6 * Grain);
        VMBackup full = await AssertRightAsync(await BackupAsync(VMBackupKind.Full), disks);
        await _guest.WriteAllAsync(2, Grain, Grain);
        VMBackup next = await AssertRightAsync(await BackupAsync(VMBackupKind.Automatic), disks);
        Assert.Equal("pull", next.Mode);
        Assert.Equal([true, false, false], disks.Select(disk => next.Disks.Single(one => one.Name == disk).Compared));
        Assert.All(next.Disks, disk => Assert.Equal((full.Id, Grain), (disk.ParentId, disk.CopiedBytes)));
    }

    [SkippableFact]
    public async Task ADiskThatTakesNoFilterIsCopiedByAJobInPlaceOfOne()
    {
        string[] disks = await _guest.StartAsync(
            ("qcow2", 16 << 20, ["-device", "virtio-blk-pci,drive=d0,id=v0,share-rw=on"]),
            ("qcow2", 16 << 20, ["-device", "virtio-blk-pci,drive=d1,id=v1"]));
        // Another writer on its node: a filter wants to be the only one that the node writes for.
        await _guest.QmpAsync("nbd-server-start", JsonSerializer.Serialize(new { addr = new { type = "unix", data = new { path = _guest.Scratch["n"] } } }));
        await _guest.QmpAsync("block-export-add", """{"type":"nbd","id":"w","node-name":"d0","name":"w","writable":true}""");
        await _guest.WriteAllAsync(1, 0, 4 * Grain);
        string before = await _guest.NodesAsync();
        await AssertRightAsync(await BackupAsync(VMBackupKind.Automatic), disks);
        Assert.Contains(_guest.Report.Warnings, text => text.Contains(disks[0], StringComparison.Ordinal) && text.Contains("the guest's writes", StringComparison.Ordinal));
        await _guest.WriteAllAsync(2, Grain, Grain);
        VMBackup increment = await AssertRightAsync(await BackupAsync(VMBackupKind.Incremental), disks);
        Assert.All(increment.Disks, disk => Assert.Equal(Grain, disk.CopiedBytes));
        Assert.Equal(before, await _guest.NodesAsync());
        Assert.Equal(0, (await _guest.QmpAsync("query-jobs")).GetArrayLength());
        Assert.Equal(1, (await _guest.QmpAsync("query-block-exports")).GetArrayLength());
        Assert.Empty(Directory.EnumerateFiles(_guest.Scratch.Path, "*scratch*"));
    }

    [SkippableFact]
    public async Task AMachineWithThreadsThatExportsWouldEndIsNotPulledAndWhatIsToBeComparedIsStoredInFull()
    {
        await _guest.StartAsync(
            ("qcow2", 16 << 20, ["-object", "iothread,id=io", "-device", "virtio-blk-pci,drive=d0,id=v0,iothread=io"]),
            ("raw", 16 << 20, ["-device", "virtio-blk-pci,drive=d1,id=v1"]));
        Skip.If((await _guest.QmpAsync("query-version")).GetProperty("qemu").GetProperty("major").GetInt32() >= 9, "this QEMU survives the readers of such disks");
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => BackupAsync(VMBackupKind.Automatic));
        Assert.Equal(BackupErrors.BackupPullUnsupported, refused.ErrorId);
        Assert.Empty(await _guest.Engine.GetMomentsAsync(AttachedGuest.Name, new MomentQuery(), _guest.Report, CancellationToken.None));
        await BackupAsync(VMBackupKind.Automatic, pull: false);
        VMBackup second = await BackupAsync(VMBackupKind.Automatic, pull: false);
        Assert.Equal("push", second.Mode);
        Assert.Equal([VMBackupKind.Full, VMBackupKind.Incremental], second.Disks.Select(disk => disk.Kind).Order());
    }

    public ValueTask DisposeAsync() => _guest.DisposeAsync();

    private Task<VMBackup> BackupAsync(VMBackupKind kind, bool pull = true) =>
        _guest.Engine.BackupAsync(AttachedGuest.Name, new BackupRequest { Repository = _guest.Scratch["repo"], Pull = pull, Kind = kind }, _guest.Report, CancellationToken.None);

    // Nobody writes between the backup and the look at the images.
    private async Task<VMBackup> AssertRightAsync(VMBackup backup, string[] disks)
    {
        await _guest.FlushAllAsync();
        string destination = _guest.Scratch["r" + backup.Id];
        IReadOnlyList<VMRestoredDisk> restored = await _guest.Engine.RestoreBackupAsync(
            AttachedGuest.Name, new RestoreBackupRequest { Repository = _guest.Scratch["repo"], Id = backup.Id, Destination = destination, Format = "qcow2" }, _guest.Report, CancellationToken.None);
        foreach ((string disk, int index) in disks.Select((disk, index) => (disk, index)))
            Tool.Run("qemu-img", "compare", "-U", "-f", await FormatAsync(index), "-F", "qcow2", _guest.Image(index), restored.Single(one => one.Disk == disk).Path);
        return backup;
    }

    private async Task<string> FormatAsync(int index) =>
        (await _guest.QmpAsync("query-named-block-nodes", """{"flat":true}""")).EnumerateArray().Single(node => node.GetProperty("node-name").GetString() == $"d{index}").GetProperty("drv").GetString()!;
}
