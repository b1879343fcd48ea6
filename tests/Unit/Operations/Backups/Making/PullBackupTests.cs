using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Operations;
using MomentTools.Operations.Backups;

namespace MomentTools.Tests.Operations.Backups.Making;

/// <summary>
/// Backups by pull of running machines: each is restored and compared by qemu-img with the content at its instant, while the guest writes on
/// all the time; and after each failure nothing is left of it.
/// </summary>
public sealed class PullBackupTests
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task EveryKindRestoresByteForByteWhileTheGuestWritesOn()
    {
        await using Pull pull = await Pull.StartAsync(discard: true);
        List<(VMBackup Backup, string[] Disks)> taken = [];
        await pull.ScribbleAsync(0);
        foreach ((int round, VMBackupKind kind) in new[] { VMBackupKind.Automatic, VMBackupKind.Incremental, VMBackupKind.Copy, VMBackupKind.Differential, VMBackupKind.Automatic, VMBackupKind.Full }.Index())
        {
            await pull.ScribbleAsync(round + 1);
            string[] content = await pull.ContentAsync();
            taken.Add((await pull.BackupAsync(request => request with { Kind = kind }, writesOn: true), content));
        }

        Assert.Equal(
            [VMBackupKind.Full, VMBackupKind.Incremental, VMBackupKind.Copy, VMBackupKind.Differential, VMBackupKind.Incremental, VMBackupKind.Full], taken.Select(one => one.Backup.Kind));
        Assert.All(taken, one => Assert.Equal("pull", one.Backup.Mode));
        Assert.All(taken, one => Assert.Equal(one.Backup.Kind == VMBackupKind.Copy ? null : "backup-" + one.Backup.Id, one.Backup.Checkpoint));
        Assert.Equal(taken.Where(one => one.Backup.Kind != VMBackupKind.Copy).Select(one => one.Backup.Checkpoint), (await pull.Machine.MomentsAsync()).Select(moment => moment.Name));
        Assert.All(await pull.Machine.MomentsAsync(), moment => Assert.Equal(pull.Machine.Repository, moment.Repository));
        Assert.Empty(pull.Machine.Report.Warnings);
        await pull.AssertNothingLeftAsync();
        foreach ((VMBackup backup, string[] content) in taken)
            await pull.AssertRestoresAsync(backup, content);
    }

    [SkippableFact]
    public async Task AnIncrementStoresWhatChangedAndTheNextOneByPushGoesOnFromIt()
    {
        await using Pull pull = await Pull.StartAsync();
        await pull.Machine.WriteAsync("vda", 1, 0, 8 << 20);
        await pull.BackupAsync();
        await pull.Machine.WriteAsync("vda", 2, 3 * Grain, 2 * Grain);
        VMBackup increment = await pull.BackupAsync();
        await pull.Machine.WriteAsync("vda", 3, 9 * Grain, Grain);
        string[] content = await pull.ContentAsync();
        VMBackup pushed = await pull.Machine.BackupAsync(VMBackupKind.Incremental);
        Assert.Equal((2 * Grain, 1, 0L), (increment.Disks[0].CopiedBytes, increment.Disks[0].Extents, increment.Disks[1].CopiedBytes));
        Assert.Equal((Grain, "push"), (pushed.Disks[0].CopiedBytes, pushed.Mode));
        await pull.AssertRestoresAsync(pushed, content);
    }

    [SkippableFact]
    public async Task WhereNothingProvesWhatChangedTheRunningDisksAreComparedAndOnlyDifferencesStored()
    {
        await using Pull pull = await Pull.StartAsync();
        await pull.Machine.WriteAsync("vda", 1, 0, 8 << 20);
        await pull.Machine.WriteAsync("vdb", 1, 0, 8 << 20);
        VMBackup full = await pull.BackupAsync();
        await pull.Machine.WriteAsync("vda", 2, 3 * Grain, Grain);
        await pull.Machine.IoAsync("vda", "flush");
        await pull.Machine.KillMachineAsync();
        await pull.RestartAsync();
        // What is written with the same bytes differs nowhere.
        await pull.Machine.WriteAsync("vda", 1, 5 * Grain, Grain);
        await pull.Machine.IoAsync("vda", $"write -z {7 * Grain} {Grain}");
        await pull.Machine.WriteAsync("vdb", 3, 6 * Grain, 5);
        string[] content = await pull.ContentAsync();
        // Not asked for as a pull, and one all the same.
        VMBackup compared = await pull.BackupAsync(request => request with { Pull = false, Kind = VMBackupKind.Incremental }, writesOn: true);
        Assert.Equal("pull", compared.Mode);
        Assert.All(compared.Disks, disk => Assert.True(disk.Compared && disk.ParentId == full.Id && disk.Reason is not null));
        Assert.Equal([Grain, Grain], compared.Disks.Select(disk => disk.CopiedBytes));
        await pull.AssertRestoresAsync(compared, content);
        await pull.Machine.WriteAsync("vda", 4, 0, Grain);
        content = await pull.ContentAsync();
        VMBackup next = await pull.Machine.BackupAsync(VMBackupKind.Incremental);
        Assert.Equal(("push", VMBackupKind.Incremental, false), (next.Mode, next.Kind, next.Disks[0].Compared));
        await pull.AssertRestoresAsync(next, content);
    }

    [SkippableFact]
    public async Task AStoppedMachineIsBackedUpByPushAllTheSame()
    {
        await using Pull pull = await Pull.StartAsync();
        await pull.Machine.WriteAsync("vda", 1, 0, Grain);
        await pull.BackupAsync();
        await pull.Machine.StopAsync();
        VMBackup stopped = await pull.BackupAsync();
        Assert.Equal(("push", VMBackupKind.Incremental), (stopped.Mode, stopped.Kind));
        Assert.Contains(pull.Machine.Report.Notes, text => text.Contains("is stopped", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task AScratchFileThatFillsUpEndsItAndTheGuestWritesOn()
    {
        await using Pull pull = await Pull.StartAsync();
        await pull.Machine.WriteAsync("vda", 1, 0, 32 << 20);
        VMBackup first = await pull.BackupAsync();
        await pull.Machine.WriteAsync("vda", 2, 0, 32 << 20);
        pull.At("backup-pull:copying", () => pull.Machine.WriteAsync("vda", 3, 0, 32 << 20));
        MomentException failure = await pull.FailsAsync(request => request with { ScratchLimit = 2 << 20 });
        Assert.Equal(BackupErrors.BackupViewBroken, failure.ErrorId);
        Assert.Contains("scratch", failure.Message, StringComparison.Ordinal);
        await pull.AssertGoesOnAsync(first);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AWireThatIsCutEndsIt(bool comparing)
    {
        await using Pull pull = await Pull.StartAsync();
        await pull.Machine.WriteAsync("vda", 1, 0, 32 << 20);
        VMBackup first = await pull.BackupAsync();
        if (comparing)
            await pull.Machine.RemoveAsync(first.Checkpoint!);
        // What compares is held until its server is gone; what copies goes slowly, and its server goes as soon as it has an export.
        pull.At(comparing ? "backup-pull:reading" : "backup-pull:copying", async () =>
        {
            while ((await pull.QmpAsync("query-block-exports")).GetArrayLength() == 0)
                await Task.Delay(5);
            await pull.QmpAsync("nbd-server-stop");
        }, wait: comparing);
        MomentException failure = await pull.FailsAsync(request => request with { SpeedLimit = 1 << 20, Kind = comparing ? VMBackupKind.Incremental : VMBackupKind.Full });
        Assert.True(failure.ErrorId == OperationErrors.BackupFailed || failure.Kind == ErrorKind.Connection, failure.ToString());
        await pull.AssertGoesOnAsync(first);
    }

    [SkippableTheory]
    [InlineData("backup-pull:nodes")]
    [InlineData("backup-pull:views")]
    [InlineData("backup-pull:copying")]
    public async Task AGuestThatShutsDownInTheMiddleIsSaid(string step)
    {
        await using Pull pull = await Pull.StartAsync();
        await pull.Machine.WriteAsync("vda", 1, 0, 32 << 20);
        VMBackup first = await pull.BackupAsync();
        await pull.Machine.WriteAsync("vda", 2, Grain, Grain);
        pull.At(step, async () => await pull.QmpAsync("quit"));
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => pull.BackupAsync(request => request with { Kind = VMBackupKind.Full, SpeedLimit = 1 << 20 }));
        Assert.Equal(BackupErrors.BackupMachineEnded, failure.ErrorId);
        Assert.Equal([first.Checkpoint], (await pull.Machine.MomentsAsync()).Select(moment => moment.Name));
        string[] content = [pull.Machine.DiskPath("vda"), pull.Machine.DiskPath("vdb")];
        VMBackup next = await pull.Machine.BackupAsync(VMBackupKind.Incremental);
        Assert.Equal(Grain, next.Disks[0].CopiedBytes);
        await pull.AssertRestoresAsync(next, content);
        Assert.Empty(Directory.EnumerateFiles(pull.Machine.Scratch, "*scratch*"));
    }

    [SkippableTheory]
    [InlineData("backup-pull:taken")]
    [InlineData("backup-pull:comparing")]
    [InlineData("backup-pull:copying")]
    public async Task CancellingLeavesThePreviousState(string step)
    {
        await using Pull pull = await Pull.StartAsync();
        await pull.Machine.WriteAsync("vda", 1, 0, 32 << 20);
        VMBackup first = await pull.BackupAsync();
        using var stop = new CancellationTokenSource();
        pull.At(step, () => stop.CancelAsync());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pull.BackupAsync(request => request with { Kind = VMBackupKind.Full, SpeedLimit = 1 << 20 }, cancellation: stop.Token));
        await pull.AssertGoesOnAsync(first);
    }

    [SkippableFact]
    public async Task AProcessKilledWhileItsDaemonCopiesLeavesNothingForTheNextCommand()
    {
        await using Pull pull = await Pull.StartAsync();
        await pull.Machine.WriteAsync("vda", 1, 0, 32 << 20);
        VMBackup first = await pull.BackupAsync();
        await pull.KillInTheMiddleAsync();
        await pull.Machine.CheckpointAsync("after");
        await pull.Machine.RemoveAsync("after");
        await pull.AssertGoesOnAsync(first, abandoned: true);
    }

    [SkippableFact]
    public async Task AFullRepositoryIsSaidWithTheDisk()
    {
        await using Pull pull = await Pull.StartAsync();
        using (SmallFileSystem repository = SmallFileSystem.Over(pull.Machine.Repository, 4))
        {
            await pull.Machine.WriteAsync("vda", 1, 0, Grain);
            VMBackup first = await pull.BackupAsync();
            await pull.Machine.WriteAsync("vda", 1, 0, 8 << 20);
            MomentException failure = await pull.FailsAsync();
            Assert.Equal((FileErrors.StorageFull, "vda"), (failure.ErrorId, failure.Target));
            Assert.Contains(pull.Machine.Repository, failure.Message, StringComparison.Ordinal);
            await pull.AssertNothingLeftAsync();
            Assert.Equal([first.Checkpoint], (await pull.Machine.MomentsAsync()).Select(moment => moment.Name));
        }
    }

    [SkippableFact]
    public async Task ScratchFilesLieWhereTheyWereWantedAndGoWithIt()
    {
        await using Pull pull = await Pull.StartAsync();
        string directory = Path.Combine(pull.Machine.Scratch, "room");
        Directory.CreateDirectory(directory);
        string[] seen = [];
        pull.At("backup-pull:copying", () =>
        {
            seen = Directory.GetFiles(directory);
            return Task.CompletedTask;
        });
        await pull.BackupAsync(request => request with { ScratchDirectory = directory });
        Assert.Equal(2, seen.Length);
        Assert.Empty(Directory.EnumerateFileSystemEntries(directory));
        await Assert.ThrowsAsync<MomentException>(() => pull.BackupAsync(request => request with { ScratchDirectory = directory + "/none" }));
        await pull.AssertNothingLeftAsync();
    }

    [SkippableFact]
    public async Task TheGuestIsRidOfTheCopiesBeforeTheFilesAreHashed()
    {
        await using Pull pull = await Pull.StartAsync();
        string nodes = "";
        pull.At("backup-pull:publish", async () => nodes = await pull.Machine.NodesAsync());
        await pull.BackupAsync();
        Assert.NotEqual("", nodes);
        Assert.DoesNotContain("mt-bs-", nodes, StringComparison.Ordinal);
    }
}
