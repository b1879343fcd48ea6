using System.Security.Cryptography;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Restoring;

/// <summary>A machine's own disks after a restore are compared byte for byte with what they held, and what was written with what differed.</summary>
public sealed class InPlaceRestoreTests
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task ExactlyTheGrainsThatDifferAreWrittenAndTheNextBackupIsRight()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.WriteAsync("vda", 1, 0, 8 * Grain);
        await machine.WriteAsync("vdb", 2, 100 * Grain, 3 * Grain);
        VMBackup first = await machine.BackupAsync();
        byte[] a = machine.Content(machine.DiskPath("vda")), b = machine.Content(machine.DiskPath("vdb"));
        await machine.WriteAsync("vda", 3, 2 * Grain + 512, 512);
        await machine.WriteAsync("vda", 4, 300 * Grain, 2 * Grain);
        // Written with what is there already: changed, but not different.
        await machine.WriteAsync("vda", 1, 5 * Grain, Grain);
        await machine.IoAsync("vda", $"write -z {7 * Grain} {Grain}");
        await machine.BackupAsync();

        IReadOnlyList<VMRestoredDisk> plan = await machine.Engine.PlanBackupRestoreAsync(TestMachine.Name, Request(machine, first.Id), machine.Report, CancellationToken.None);
        Assert.NotEqual(a, machine.Content(machine.DiskPath("vda")));
        IReadOnlyList<VMRestoredDisk> restored = await RestoreAsync(machine, first.Id);
        Assert.Equal([("vda", 4 * Grain, machine.DiskPath("vda")), ("vdb", 0, machine.DiskPath("vdb"))], restored.Select(disk => (disk.Disk, disk.WrittenBytes, disk.Path)));
        Assert.Equal(plan, restored);
        Assert.Equal(a, machine.Content(machine.DiskPath("vda")));
        Assert.Equal(b, machine.Content(machine.DiskPath("vdb")));
        AssertNothingLeft(machine);

        // Two grains of bytes, and two that are zero again.
        VMBackup next = await machine.BackupAsync();
        Assert.Equal([(VMBackupKind.Incremental, false, 2 * Grain), (VMBackupKind.Incremental, false, 0)], next.Disks.Select(disk => (disk.Kind, disk.Compared, disk.CopiedBytes)));
        await AssertHoldsAsync(machine, next.Id, a);
        Assert.True(await IsSoundAsync(machine));
        Assert.All(await RestoreAsync(machine, first.Id), disk => Assert.Equal(0, disk.WrittenBytes));
    }

    [SkippableFact]
    public async Task OfAHundredthOfTwoGibibytesExactlyThatIsWritten()
    {
        const int blocks = 328;
        const long size = 2L << 30;
        await using TestMachine machine = await TestMachine.CreateAsync(size, discard: false, null, ["vda"]);
        await machine.WriteAsync("vda", 1, 0, 64 << 20);
        VMBackup backup = await machine.BackupAsync();
        Tool.Run("qemu-io", ["-f", "qcow2", .. Enumerable.Range(0, blocks).SelectMany(block => (string[])["-c", $"write -P {2 + block % 200} {size / blocks * block / Grain * Grain} {Grain}"]), machine.DiskPath("vda")]);
        VMRestoredDisk disk = Assert.Single(await RestoreAsync(machine, null));
        Assert.Equal(blocks * Grain, disk.WrittenBytes);
        Tool.Run("qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", machine.DiskPath("vda"), backup.Disks[0].Path);
        Assert.Equal(0, Assert.Single(await RestoreAsync(machine, null)).WrittenBytes);
    }

    [SkippableFact]
    public async Task ThinStaysThin()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(TestMachine.DiskSize, discard: false, null, ["vda"]);
        await machine.WriteAsync("vda", 1, 0, 16 << 20);
        Tool.Run("qemu-io", "-f", "qcow2", "-d", "unmap", "-c", $"discard {4 << 20} {8 << 20}", machine.DiskPath("vda"));
        VMBackup thin = await machine.BackupAsync();
        byte[] content = machine.Content(machine.DiskPath("vda"));
        long before = Allocated(machine.DiskPath("vda"));
        await machine.WriteAsync("vda", 2, 5 << 20, 20 << 20);
        Assert.InRange(Allocated(machine.DiskPath("vda")), before + (8 << 20), long.MaxValue);
        await RestoreAsync(machine, thin.Id);
        Assert.Equal(content, machine.Content(machine.DiskPath("vda")));
        Assert.InRange(Allocated(machine.DiskPath("vda")), 0, before + (1 << 20));
    }

    [SkippableFact]
    public async Task ARawDiskIsRestoredInPlaceToo()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string raw = Path.Combine(machine.Scratch, "data.img");
        Tool.Run("qemu-img", "create", "-q", "-f", "raw", raw, "16M");
        Tool.Run("qemu-io", "-f", "raw", "-c", "write -P 7 1M 64k", raw);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest
        {
            Xml = machine.Xml().Replace("</devices>", $"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{raw}'/><target dev='vdb' bus='virtio'/></disk></devices>", StringComparison.Ordinal),
            Update = true,
        }, machine.Report, CancellationToken.None);
        await machine.BackupAsync();
        byte[] content = await File.ReadAllBytesAsync(raw);
        long before = Allocated(raw);
        Tool.Run("qemu-io", "-f", "raw", "-c", "write -P 8 4M 2M", "-c", "write -P 9 1M 512", raw);
        IReadOnlyList<VMRestoredDisk> restored = await RestoreAsync(machine, null);
        Assert.Equal([0, (2 << 20) + Grain], restored.Select(disk => disk.WrittenBytes));
        Assert.Equal("raw", restored[1].Format);
        Assert.Equal(content, await File.ReadAllBytesAsync(raw));
        Assert.InRange(Allocated(raw), 0, before + Grain);
    }

    [SkippableFact]
    public async Task FrozenLayersAndStatesInsideTheImageStayAsTheyAre()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, 8 * Grain);
        await machine.SnapshotAsync("within", request => request with { Internal = true });
        VMBackup first = await machine.BackupAsync();
        byte[] content = machine.Content(machine.DiskPath("vda"));
        await machine.WriteAsync("vda", 2, 2 * Grain, 2 * Grain);
        await machine.SnapshotAsync("clean", request => request with { DiskOnly = true });
        string frozen = machine.DiskPath("vda"), active = await machine.ActivePathAsync("vda");
        Assert.NotEqual(frozen, active);
        byte[] hash = Hash(frozen);
        await machine.WriteAsync("vda", 3, 6 * Grain, 4 * Grain);
        VMRestoredDisk disk = Assert.Single(await RestoreAsync(machine, first.Id));
        Assert.Equal((active, 6 * Grain), (disk.Path, disk.WrittenBytes));
        Assert.Equal(content, machine.Content(active));
        Assert.Equal(hash, Hash(frozen));
        Assert.Equal(content, machine.Content(frozen, "within"));
        VMBackup next = await machine.BackupAsync();
        Assert.Equal(VMBackupKind.Incremental, next.Disks[0].Kind);
        await AssertHoldsAsync(machine, next.Id, content);
        Assert.True(await IsSoundAsync(machine));
    }

    [SkippableFact]
    public async Task OneDiskAloneIsRestoredAndTheMachineIsFoundByItsUuid()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.WriteAsync("vda", 1, 0, Grain);
        VMBackup first = await machine.BackupAsync();
        byte[] a = machine.Content(machine.DiskPath("vda"));
        await machine.WriteAsync("vda", 2, 0, Grain);
        await machine.WriteAsync("vdb", 2, 0, Grain);
        byte[] b = machine.Content(machine.DiskPath("vdb"));
        await machine.Engine.RenameDomainAsync(TestMachine.Name, "web2", machine.Report, CancellationToken.None);
        RestoreBackupRequest request = Request(machine, first.Id) with { Disks = ["vda"] };
        // By its new name, by the old one that is nobody's now, and by the object's UUID.
        foreach ((string name, Guid? uuid) in ((string, Guid?)[])[("web2", null), (TestMachine.Name, null), (TestMachine.Name, first.Uuid)])
        {
            VMRestoredDisk disk = Assert.Single(await machine.Engine.RestoreBackupAsync(name, request with { Uuid = uuid }, machine.Report, CancellationToken.None));
            Assert.Equal("web2", disk.VM);
            Assert.Equal(a, machine.Content(machine.DiskPath("vda")));
        }

        Assert.Equal(b, machine.Content(machine.DiskPath("vdb")));
        await machine.Engine.RenameDomainAsync("web2", TestMachine.Name, machine.Report, CancellationToken.None);
    }

    internal static RestoreBackupRequest Request(TestMachine machine, string? id) => new() { Repository = machine.Repository, Id = id, InPlace = true };

    internal static void AssertNothingLeft(TestMachine machine)
    {
        Assert.Empty(Redos(machine));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
    }

    internal static Task<IReadOnlyList<VMRestoredDisk>> RestoreAsync(TestMachine machine, string? id) =>
        machine.Engine.RestoreBackupAsync(TestMachine.Name, Request(machine, id), machine.Report, CancellationToken.None);

    internal static string[] Redos(TestMachine machine) => Directory.GetFiles(machine.Scratch, "*" + RedoFile.Extension, SearchOption.AllDirectories);

    private static async Task<bool> IsSoundAsync(TestMachine machine) =>
        (await machine.TestAsync()).Count == 0;

    private static async Task AssertHoldsAsync(TestMachine machine, string id, byte[] content)
    {
        VMRestoredDisk disk = (await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = id, Destination = Path.Combine(machine.Scratch, "r" + id) }, machine.Report, CancellationToken.None))[0];
        Assert.Equal(content, machine.Content(disk.Path));
    }

    private static byte[] Hash(string path) => SHA256.HashData(File.ReadAllBytes(path));

    private static long Allocated(string path) => long.Parse(Tool.Run("stat", "-c", "%b", path), System.Globalization.CultureInfo.InvariantCulture) * 512;
}
