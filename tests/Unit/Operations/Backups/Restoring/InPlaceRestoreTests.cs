using System.Security.Cryptography;
using MomentTools.Errors;
using MomentTools.Operations.Backups;
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
        Assert.Equal(content, machine.ContentOfTag(frozen, "within"));
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

    [SkippableFact]
    public async Task ARunningMachineIsRefusedAndTheGuestKeepsItsDisk()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        await machine.StartAsync();
        await machine.WriteAsync("vda", 2, 0, Grain);
        MomentException running = await RefusedAsync(machine, "VMRunning");
        Assert.Contains("Stop-VMDomain", running.Advice, StringComparison.Ordinal);
        Assert.Equal(2, machine.Content(machine.DiskPath("vda"))[0]);
    }

    [SkippableFact]
    public async Task DisksThatAreHeldOrSharedAreRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 0, Grain);
        await machine.Engine.StartBlockExportAsync(TestMachine.Name, new StartBlockExportRequest { Disks = ["vda"] }, machine.Report, CancellationToken.None);
        await RefusedAsync(machine, "DiskInUse");
        await machine.Engine.StopBlockExportAsync(TestMachine.Name, new StopBlockExportRequest(), machine.Report, CancellationToken.None);

        string overlay = Path.Combine(machine.Scratch, "mine.qcow2");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", machine.DiskPath("vda"), "-F", "qcow2", overlay);
        MomentException shared = await RefusedAsync(machine, "RestoreImageShared");
        Assert.Contains(overlay, shared.Message, StringComparison.Ordinal);
        File.Delete(overlay);
        await RestoreAsync(machine, null);
    }

    [SkippableFact]
    public async Task ADiskOfAnotherSizeOrNoDiskAtAllIsRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        Tool.Run("qemu-img", "resize", "-q", "-f", "qcow2", machine.DiskPath("vdb"), "+1M");
        Assert.Equal("vdb", (await RefusedAsync(machine, "RestoreSizeDiffers")).Target);
        await machine.Engine.RegisterDomainAsync(
            new RegisterDomainRequest { Xml = machine.Xml().Replace("<target dev='vdb'", "<target dev='vdc'", StringComparison.Ordinal), Update = true }, machine.Report, CancellationToken.None);
        Assert.Equal("vdb", (await RefusedAsync(machine, "RestoreDiskMissing")).Target);
        Assert.Single(await machine.Engine.RestoreBackupAsync(TestMachine.Name, Request(machine, null) with { Disks = ["vda"] }, machine.Report, CancellationToken.None));
    }

    [SkippableFact]
    public async Task AnotherMachineOfThatNameIsRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.BackupAsync();
        await machine.Engine.UnregisterDomainAsync(TestMachine.Name, new UnregisterDomainRequest { RemoveMetadata = true }, machine.Report, CancellationToken.None);
        MomentException none = await RefusedAsync(machine, "RestoreMachineUnknown");
        Assert.Contains("not registered", none.Message, StringComparison.Ordinal);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = machine.Xml().Replace("6f1b2a6e-", "6f1b2a6f-", StringComparison.Ordinal) }, machine.Report, CancellationToken.None);
        MomentException other = await RefusedAsync(machine, "RestoreMachineUnknown");
        Assert.Contains("another one", other.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task OptionsThatContradictAreRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        VMBackup backup = await machine.BackupAsync();
        foreach (RestoreBackupRequest request in (RestoreBackupRequest[])[Request(machine, backup.Id) with { Until = DateTimeOffset.Now }, Request(machine, null) with { Destination = machine.Scratch }, Request(machine, null) with { AsDomain = "x" }])
        {
            MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.Engine.RestoreBackupAsync(TestMachine.Name, request, machine.Report, CancellationToken.None));
            Assert.Equal(BackupErrors.RestoreBackupOptions, refused.ErrorId);
        }
    }

    [SkippableFact]
    public async Task ADamagedBackupWritesNothing()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, 8 * Grain);
        VMBackup backup = await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 0, Grain);
        byte[] content = machine.Content(machine.DiskPath("vda"));
        await using (FileStream file = File.Open(backup.Disks[0].Path, FileMode.Open))
        {
            file.Position = file.Length - 100;
            file.WriteByte(0x5a);
        }

        await RefusedAsync(machine, "BackupCorrupt");
        Assert.Equal(content, machine.Content(machine.DiskPath("vda")));
        await machine.CheckpointAsync("after");
    }

    [SkippableFact]
    public async Task CancelledBeforeItIsDecidedNothingIsWrittenOrLeft()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, 8 * Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 0, 8 * Grain);
        using var cancel = new CancellationTokenSource();
        machine.Report.Progressed = step =>
        {
            if (step.Status.Contains("storing", StringComparison.Ordinal))
                cancel.Cancel();
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => machine.Engine.RestoreBackupAsync(TestMachine.Name, Request(machine, null), machine.Report, cancel.Token));
        machine.Report.Progressed = null;
        AssertNothingLeft(machine);
        Assert.Equal(2, machine.Content(machine.DiskPath("vda"))[0]);
        await RestoreAsync(machine, null);
        Assert.Equal(1, machine.Content(machine.DiskPath("vda"))[0]);
    }

    [SkippableFact]
    public async Task AFullDiskWhereverItFillsUpIsToldAndAfterItTheNextCommandIsRight()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, 2 << 20);
        await machine.BackupAsync();
        byte[] restored = machine.Content(machine.DiskPath("vda"));
        // What is restored needs room of its own on the disk, too.
        Tool.Run("qemu-io", "-f", "qcow2", "-d", "unmap", "-c", "discard 0 2M", machine.DiskPath("vda"));
        byte[] before = machine.Content(machine.DiskPath("vda"));
        using SmallFileSystem small = SmallFileSystem.Over(machine.Scratch, 32);
        HashSet<string> told = new(StringComparer.Ordinal);
        foreach (int leave in (int[])[8 << 10, 256 << 10, 1 << 20, (2 << 20) + (512 << 10), 3 << 20, (3 << 20) + (512 << 10)])
        {
            small.Fill(leave);
            MomentException failure = await Assert.ThrowsAsync<MomentException>(() => RestoreAsync(machine, null));
            small.Free();
            told.Add(failure.ErrorId.Name);
            await machine.CheckpointAsync($"after-{leave}");
            Assert.Equal(failure.ErrorId == InPlaceErrors.RestoreUnfinished ? restored : before, machine.Content(machine.DiskPath("vda")));
            AssertNothingLeft(machine);
            Tool.Run("qemu-io", "-f", "qcow2", "-d", "unmap", "-c", "discard 0 2M", machine.DiskPath("vda"));
        }

        // Where there is no room at all the disk cannot even be opened.
        told.Remove("DiskOpenFailed");
        Assert.Equal(["RestoreUnfinished", "StorageFull"], told.Order(StringComparer.Ordinal));
        await RestoreAsync(machine, null);
        Assert.Equal(restored, machine.Content(machine.DiskPath("vda")));
    }

    [SkippableFact]
    public async Task WithoutItsRedoFileAnInterruptedRestoreIsNotTakenForDone()
    {
        string? died = null;
        await using TestMachine machine = await TestMachine.CreateAsync(step =>
        {
            if (step == $"{InPlaceRestore.Operation}:write" && died is null)
                throw new IOException(died = step);
        });
        await machine.WriteAsync("vda", 1, 0, 8 * Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 0, 8 * Grain);
        await Assert.ThrowsAsync<IOException>(() => RestoreAsync(machine, null));
        string redo = Assert.Single(Redos(machine)), away = Path.Combine(machine.Scratch, "away");
        File.Move(redo, away);
        MomentException lost = await Assert.ThrowsAsync<MomentException>(() => machine.CheckpointAsync("after"));
        Assert.Equal(InPlaceErrors.RestoreRedoLost, lost.ErrorId);
        await Assert.ThrowsAsync<MomentException>(() => machine.StartAsync());
        File.Move(away, redo);
        // The repository is not needed any more.
        Directory.Move(machine.Repository, machine.Repository + ".gone");
        await machine.CheckpointAsync("after");
        Assert.Contains(machine.Report.Warnings, warning => warning.StartsWith($"Finished the operation '{InPlaceRestore.Operation}'", StringComparison.Ordinal));
        Assert.Equal(1, machine.Content(machine.DiskPath("vda"))[0]);
        AssertNothingLeft(machine);
    }

    [SkippableFact]
    public async Task AClockThatWasSetBackLeavesNoRedoFile()
    {
        bool dies = true;
        await using TestMachine machine = await TestMachine.CreateAsync(step =>
        {
            if (step == $"{InPlaceRestore.Operation}:write" && dies)
                throw new IOException(step);
        });
        await machine.WriteAsync("vda", 1, 0, 8 * Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 0, 8 * Grain);
        await Assert.ThrowsAsync<IOException>(() => RestoreAsync(machine, null));
        dies = false;
        // The operation began when it was tomorrow.
        string journal = Assert.Single(Directory.GetFiles(Path.Combine(machine.StateDirectory, "journal")), path => File.ReadAllText(path).Contains("\"started\"", StringComparison.Ordinal));
        string text = await File.ReadAllTextAsync(journal), later = System.Text.RegularExpressions.Regex.Replace(text, "\"started\":\"[^\"]*\"", $"\"started\":\"{DateTimeOffset.UtcNow.AddDays(1):O}\"", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(10));
        Assert.NotEqual(text, later);
        await File.WriteAllTextAsync(journal, later);
        await machine.CheckpointAsync("after");
        Assert.Equal(1, machine.Content(machine.DiskPath("vda"))[0]);
        AssertNothingLeft(machine);
    }

    [SkippableFact]
    public async Task AnInterruptedRestoreDoesNotGoOnBeneathARunningGuest()
    {
        bool dies = true;
        await using TestMachine machine = await TestMachine.CreateAsync(step =>
        {
            if (step == $"{InPlaceRestore.Operation}:write" && dies)
                throw new IOException(step);
        });
        await machine.WriteAsync("vda", 1, 0, 8 * Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 0, 8 * Grain);
        await Assert.ThrowsAsync<IOException>(() => RestoreAsync(machine, null));
        dies = false;
        // Past us: a start of ours would have gone on with it.
        string journal = Path.Combine(machine.StateDirectory, "journal"), away = journal + ".away";
        Directory.Move(journal, away);
        await machine.StartAsync();
        Directory.CreateDirectory(journal);
        foreach (string note in Directory.GetFiles(away))
            File.Move(note, Path.Combine(journal, Path.GetFileName(note)));
        MomentException runs = await Assert.ThrowsAsync<MomentException>(() => machine.CheckpointAsync("after"));
        Assert.Equal(InPlaceErrors.RestoreUnfinished, runs.ErrorId);
        Assert.Contains("Stop-VMDomain", runs.Advice, StringComparison.Ordinal);
        await machine.StopAsync();
        await machine.CheckpointAsync("after");
        Assert.Equal(1, machine.Content(machine.DiskPath("vda"))[0]);
        AssertNothingLeft(machine);
    }

    internal static RestoreBackupRequest Request(TestMachine machine, string? id) => new() { Repository = machine.Repository, Id = id, InPlace = true };

    internal static void AssertNothingLeft(TestMachine machine)
    {
        Assert.Empty(Redos(machine));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
    }

    private static Task<IReadOnlyList<VMRestoredDisk>> RestoreAsync(TestMachine machine, string? id) =>
        machine.Engine.RestoreBackupAsync(TestMachine.Name, Request(machine, id), machine.Report, CancellationToken.None);

    private static async Task<MomentException> RefusedAsync(TestMachine machine, string id)
    {
        Dictionary<string, byte[]> before = machine.Disks.ToDictionary(disk => disk, disk => machine.Content(machine.DiskPath(disk)), StringComparer.Ordinal);
        MomentException planned = await Assert.ThrowsAsync<MomentException>(
            () => machine.Engine.PlanBackupRestoreAsync(TestMachine.Name, Request(machine, null), machine.Report, CancellationToken.None));
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => RestoreAsync(machine, null));
        Assert.True(id == refused.ErrorId.Name && planned.ErrorId == refused.ErrorId, $"{planned}\n{refused}");
        Assert.All(before, disk => Assert.Equal(disk.Value, machine.Content(machine.DiskPath(disk.Key))));
        return refused;
    }

    private static async Task<bool> IsSoundAsync(TestMachine machine) =>
        (await machine.Engine.TestMomentsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None)).Count == 0;

    private static async Task AssertHoldsAsync(TestMachine machine, string id, byte[] content)
    {
        VMRestoredDisk disk = (await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = id, Destination = Path.Combine(machine.Scratch, "r" + id) }, machine.Report, CancellationToken.None))[0];
        Assert.Equal(content, machine.Content(disk.Path));
    }

    private static string[] Redos(TestMachine machine) => Directory.GetFiles(machine.Scratch, "*" + RedoFile.Extension, SearchOption.AllDirectories);

    private static byte[] Hash(string path) => SHA256.HashData(File.ReadAllBytes(path));

    private static long Allocated(string path) => long.Parse(Tool.Run("stat", "-c", "%b", path), System.Globalization.CultureInfo.InvariantCulture) * 512;
}
