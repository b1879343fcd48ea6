using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>The main story: backups in full and as increments by push, lost disks, restores proven byte for byte (rows F1 to F3, F7).</summary>
public sealed class BackupTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task EveryBackupRestoresByteForByte(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        if (running)
            await machine.StartAsync();
        List<(VMBackup Backup, byte[] A, byte[] B)> taken = [];
        for (byte round = 1; round <= 3; round++)
        {
            await machine.WriteAsync("vda", round, round * 3 * Grain, 2 * Grain);
            await machine.WriteAsync("vdb", (byte)(round + 100), round * 5000, 700);
            VMBackup backup = await machine.BackupAsync();
            taken.Add((backup, machine.Content(machine.DiskPath("vda")), machine.Content(machine.DiskPath("vdb"))));
        }

        Assert.Equal([VMBackupKind.Full, VMBackupKind.Incremental, VMBackupKind.Incremental], taken.Select(one => one.Backup.Kind));
        Assert.Equal(2 * Grain, taken[2].Backup.Disks[0].CopiedBytes);
        Assert.Empty(machine.Report.Warnings);
        if (running)
            await machine.StopAsync();
        File.Delete(machine.DiskPath("vda"));
        foreach ((VMBackup backup, byte[] a, byte[] b) in taken)
        {
            IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
                TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = backup.Id, Destination = Path.Combine(machine.Scratch, "r" + backup.Id) }, machine.Report, CancellationToken.None);
            Assert.Equal(a, machine.Content(restored[0].Path));
            Assert.Equal(b, machine.Content(restored[1].Path));
        }

        Assert.Equal(3, (await machine.Engine.GetBackupsAsync(machine.Repository, TestMachine.Name, null, machine.Report, CancellationToken.None)).Count);
    }

    [SkippableFact]
    public async Task AfterAKillOfQemuTheNextBackupComparesAndTheOneAfterIsAnIncrement()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 5, 0, Grain);
        await machine.KillMachineAsync();
        await machine.StartAsync();
        VMBackup compared = await machine.BackupAsync();
        await machine.WriteAsync("vda", 6, 2 * Grain, Grain);
        VMBackup increment = await machine.BackupAsync(VMBackupKind.Incremental);

        Assert.Equal((VMBackupKind.Incremental, true, "pull"), (compared.Kind, compared.Disks[0].Compared, compared.Mode));
        Assert.NotNull(compared.Disks[0].Reason);
        Assert.False(increment.Disks[0].Compared);
        Assert.Equal(Grain, increment.Disks[0].CopiedBytes);
    }

    [SkippableFact]
    public async Task AnIncrementThatIsAskedForAndCannotBeProvenIsRefusedAndChangesNothing()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.BackupAsync(VMBackupKind.Incremental));
        Assert.Equal(OperationErrors.BackupChainUnproven, refused.ErrorId);
        Assert.Empty(await machine.MomentsAsync());
        Assert.Empty(await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None));
    }

    [SkippableFact]
    public async Task ACancelledBackupLeavesThePreviousState()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        await machine.WriteAsync("vda", 9, 0, 32 << 20);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 9, 0, Grain);
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(400));
        var request = new BackupRequest { Repository = machine.Repository, Kind = VMBackupKind.Full, SpeedLimit = 1 << 20 };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => machine.Engine.BackupAsync(TestMachine.Name, request, machine.Report, stop.Token));

        Assert.Equal(["before"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        Assert.Equal([(0, Grain)], await machine.ChangesAsync("before"));
        Assert.Empty(await machine.Engine.GetBackupsAsync(machine.Repository, null, null, machine.Report, CancellationToken.None));
        Assert.Equal(["before"], (await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None)).Select(bitmap => bitmap.Name).Where(name => !name.StartsWith("mt-tip-", StringComparison.Ordinal)));
        Assert.Empty(machine.Report.Warnings);
        VMBackup whole = await machine.BackupAsync();
        Assert.True(Tool.TryRun("qemu-img", "check", "-q", whole.Disks[0].Path).Exit == 0);
    }

    [SkippableFact]
    public async Task RemovingTheCheckpointOfABackupMakesTheNextOneCompareAndSaysWhy()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, 8 * Grain);
        VMBackup first = await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, 10);
        await machine.WriteAsync("vda", 1, 4 * Grain, Grain);
        await machine.IoAsync("vda", $"write -z {6 * Grain} {Grain}");
        await machine.RemoveAsync(first.Checkpoint!);
        VMBackup second = await machine.BackupAsync(VMBackupKind.Incremental);
        Assert.True(second.Disks[0].Compared);
        Assert.Equal(first.Id, second.Disks[0].ParentId);
        // What was written and is the same is not stored, and neither are zeroes.
        Assert.Equal((Grain, 1), (second.Disks[0].CopiedBytes, second.Disks[0].Extents));
        Assert.Contains("checkpoint", second.Disks[0].Reason, StringComparison.Ordinal);
        await AssertRestoresAsync(machine, second, machine.Content(machine.DiskPath("vda")));
        Assert.False((await machine.BackupAsync(VMBackupKind.Incremental)).Disks[0].Compared);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhereABitmapIsGoneItsSidecarIsEnoughForAnIncrement(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        VMBackup first = await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.WriteAsync("vdb", 3, 9 * Grain, 100);
        await machine.CheckpointAsync("between");
        await machine.WriteAsync("vda", 4, 20 * Grain, 10);
        // The closed segment's bitmap goes; the recording one stays.
        Tool.Run("qemu-img", "bitmap", "--remove", machine.DiskPath("vda"), first.Checkpoint!);
        if (running)
            await machine.StartAsync();
        VMBackup second = await machine.BackupAsync(VMBackupKind.Incremental);
        byte[] content = machine.Content(machine.DiskPath("vda"));

        Assert.Equal([2 * Grain, Grain], second.Disks.Select(disk => disk.CopiedBytes));
        Assert.Empty(machine.Report.Warnings);
        await AssertRestoresAsync(machine, second, content);
        Assert.DoesNotContain("null-co", (await machine.NodesAsync()), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task WithoutSidecarAndBitmapTheDiskIsCompared()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        VMBackup first = await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.CheckpointAsync("between");
        Tool.Run("qemu-img", "bitmap", "--remove", machine.DiskPath("vda"), first.Checkpoint!);
        foreach (string sidecar in Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "segments")))
            File.Delete(sidecar);
        VMBackup second = await machine.BackupAsync();
        Assert.Equal((VMBackupKind.Incremental, true, Grain), (second.Disks[0].Kind, second.Disks[0].Compared, second.Disks[0].CopiedBytes));
        Assert.Contains("Cannot read the saved segment", second.Disks[0].Reason, StringComparison.Ordinal);
        await AssertRestoresAsync(machine, second, machine.Content(machine.DiskPath("vda")));
    }

    [SkippableFact]
    public async Task AComparisonThatFindsNothingStoresNothing()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        VMBackup first = await machine.BackupAsync();
        await machine.RemoveAsync(first.Checkpoint!);
        await machine.WriteAsync("vdb", 2, 8 * Grain, 5);
        VMBackup second = await machine.BackupAsync(VMBackupKind.Incremental);

        Assert.Equal([(true, 0L), (true, Grain)], second.Disks.Select(disk => (disk.Compared, disk.CopiedBytes)));
        await AssertRestoresAsync(machine, second, machine.Content(machine.DiskPath("vda")));
    }

    [SkippableFact]
    public async Task WhereTheNewestBackupsCheckpointIsGoneTheIncrementStandsOnTheOneBefore()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        VMBackup second = await machine.BackupAsync();
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await machine.RemoveAsync(second.Checkpoint!);
        VMBackup third = await machine.BackupAsync();
        Assert.Equal((VMBackupKind.Incremental, 2 * Grain), (third.Disks[0].Kind, third.Disks[0].CopiedBytes));
        await AssertRestoresAsync(machine, third, machine.Content(machine.DiskPath("vda")));
    }

    private static async Task AssertRestoresAsync(TestMachine machine, VMBackup backup, byte[] content)
    {
        IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = backup.Id, Destination = Path.Combine(machine.Scratch, "r" + backup.Id) }, machine.Report, CancellationToken.None);
        Assert.Equal(content, machine.Content(restored[0].Path));
    }
}
