using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;
using static MomentTools.Tests.Operations.Backups.Restoring.InPlaceRestoreTests;

namespace MomentTools.Tests.Operations.Backups.Restoring;

/// <summary>What a restore onto the machine's own disks refuses, and that nothing was written then.</summary>
public sealed class InPlaceRefusalTests
{
    private const long Grain = 65536;

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
}
