using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Checking;

/// <summary>Test-VMBackup -Source: what nothing recorded as changed must be on the machine what it is in the backup (row F4).</summary>
public sealed class SourceComparisonTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatChangedSinceIsLeftOutAndTheRestIsEqual(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 3 * Grain, 5 * Grain);
        await machine.WriteAsync("vdb", 2, 1000, 70000);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        VMBackup second = await machine.BackupAsync();
        await machine.WriteAsync("vda", 4, 20 * Grain, 100);
        await machine.IoAsync("vda", $"write -z {3 * Grain} {Grain}");

        Assert.Empty(await TestAsync(machine));
        Assert.Contains(machine.Report.Notes, text => text.Contains($"'{second.Id}'", StringComparison.Ordinal) && text.Contains($"{TestMachine.DiskSize - (2 * Grain)} bytes were compared, {2 * Grain} changed", StringComparison.Ordinal));
        Assert.Empty(machine.Report.Warnings);
        Assert.Empty(await machine.Engine.GetBlockSnapshotsAsync(TestMachine.Name, machine.Report, CancellationToken.None));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AByteOfABackupThatWasChangedWithItsHashesIsFound(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, 16 * Grain);
        VMBackup backup = await machine.BackupAsync();
        await machine.WriteAsync("vda", 7, 9 * Grain, Grain);
        Tool.Run("qemu-io", "-f", "qcow2", "-c", $"write -P 9 {(5 * Grain) + 777} 1", "-c", $"write -P 9 {9 * Grain} 1", backup.Disks[0].Path);
        BackupRepository repository = BackupRepository.Open(machine.Repository, create: false);
        await Damage.BlessAsync(repository.Backups(repository.FindDomain(TestMachine.Name), broken => throw broken)[0], "vda");

        Assert.Empty(await TestAsync(machine, source: false));
        VMBackupFinding finding = Assert.Single(await TestAsync(machine));
        Assert.Equal(("BackupSourceDiffers", backup.Id, "vda", (5 * Grain) + 777), (finding.Id, finding.BackupId, finding.Disk, finding.Offset));
    }

    [SkippableFact]
    public async Task AByteThatWasWrittenBehindARunningMachineIsFound()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, 16 * Grain);
        await machine.StartAsync();
        VMBackup backup = await machine.BackupAsync();
        Behind(machine);

        VMBackupFinding finding = Assert.Single(await TestAsync(machine));
        Assert.Equal(("BackupSourceDiffers", backup.Id, "vda"), (finding.Id, finding.BackupId, finding.Disk));
        Assert.InRange(finding.Offset!.Value, 0, (16 * Grain) - 1);
    }

    [SkippableFact]
    public async Task AByteThatWasWrittenBehindAStoppedMachineIsNeverAPass()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, 16 * Grain);
        await machine.BackupAsync();
        Behind(machine);
        VMBackupFinding finding = Assert.Single(await TestAsync(machine));
        Assert.True(finding.Id is "BackupSourceDiffers" or "BackupSourceUnproven", finding.ToString());
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhereTheWayFromTheCheckpointIsNotProvenNothingPasses(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        VMBackup first = await machine.BackupAsync();
        VMBackup second = await machine.BackupAsync();
        await machine.RemoveAsync(first.Checkpoint!);
        VMBackupFinding finding = Assert.Single(await TestAsync(machine));
        Assert.Equal(("BackupSourceUnproven", first.Id, "vda"), (finding.Id, finding.BackupId, finding.Disk));
        Assert.Contains(first.Checkpoint!, finding.Message, StringComparison.Ordinal);
        Assert.Empty(await TestAsync(machine, second.Id));

        if (running)
            await machine.KillMachineAsync();
        else
            Tool.Run("qemu-img", "bitmap", "--remove", machine.DiskPath("vda"), second.Checkpoint!);
        foreach (string sidecar in Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "segments")))
            File.Delete(sidecar);
        Assert.Equal("BackupSourceUnproven", Assert.Single(await TestAsync(machine, second.Id)).Id);
    }

    [SkippableFact]
    public async Task AMachineThatIsNotKnownHereCannotBeComparedWith()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.BackupAsync();
        await machine.Engine.UnregisterDomainAsync(TestMachine.Name, new UnregisterDomainRequest { RemoveMetadata = true }, machine.Report, CancellationToken.None);
        try
        {
            Assert.Empty(await TestAsync(machine, source: false));
            VMBackupFinding finding = Assert.Single(await TestAsync(machine));
            Assert.Equal("BackupSourceUnproven", finding.Id);
            Assert.Contains("registered", finding.Message, StringComparison.Ordinal);
        }
        finally
        {
            await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = machine.Xml() }, machine.Report, CancellationToken.None);
        }
    }

    // One byte of the guest's data, in the image: QEMU is not asked.
    private static void Behind(TestMachine machine)
    {
        string path = machine.DiskPath("vda");
        byte[] content = File.ReadAllBytes(path);
        int at = content.AsSpan().IndexOf(Enumerable.Repeat((byte)1, 4096).ToArray());
        Damage.Flip(path, at + 100);
    }

    private static Task<IReadOnlyList<VMBackupFinding>> TestAsync(TestMachine machine, string? id = null, bool source = true) => machine.Engine.TestBackupsAsync(
        TestMachine.Name, new TestBackupRequest { Repository = machine.Repository, Ids = id is null ? [] : [id], Source = source }, machine.Report, CancellationToken.None);
}
