using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Operations;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Retention;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Backups.Retention;

/// <summary>Removals of the backups of a real machine: its checkpoints go with them, what uses a backup holds it, and the next backup is right.</summary>
[Trait("Proof", "crash")]
public sealed class RetentionMachineTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TheCheckpointsGoWithTheirBackupsAndTheNextBackupIsAnIncrement(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("mine");
        List<(VMBackup Backup, byte[] Content)> taken = await TakeAsync(machine, 3);
        await machine.WriteAsync("vda", 99, 30 * Grain, Grain);
        IReadOnlyList<VMBackupPlan> done = await RemoveAsync(machine, new RemoveBackupRequest { Repository = machine.Repository, KeepLast = 1 });
        Assert.Equal([(false, taken[2].Backup.Id), (false, taken[2].Backup.Id), (true, null)], done.Select(row => (row.Keep, row.MergedInto)));
        Assert.Equal([taken[2].Backup.Checkpoint!, "mine"], (await machine.MomentsAsync()).Select(moment => moment.Name).Order(StringComparer.Ordinal));
        VMBackup next = await machine.BackupAsync(VMBackupKind.Incremental);
        Assert.Equal((Grain, taken[2].Backup.Id), (next.Disks[0].CopiedBytes, next.Disks[0].ParentId));
        await AssertRestoresAsync(machine, next.Id, machine.Content(machine.DiskPath("vda")));
        await AssertRestoresAsync(machine, taken[2].Backup.Id, taken[2].Content);
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableFact]
    public async Task WhereTheNewestBackupGoesTheNextStandsOnTheOneBeforeAndCopiesWhatBothChanged()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        List<(VMBackup Backup, byte[] Content)> taken = await TakeAsync(machine, 2);
        await machine.WriteAsync("vda", 99, 30 * Grain, Grain);
        await RemoveAsync(machine, new RemoveBackupRequest { Repository = machine.Repository, Ids = [taken[1].Backup.Id] });
        VMBackup next = await machine.BackupAsync(VMBackupKind.Incremental);
        Assert.Equal((taken[0].Backup.Id, 2 * Grain), (next.Disks[0].ParentId, next.Disks[0].CopiedBytes));
        await AssertRestoresAsync(machine, next.Id, machine.Content(machine.DiskPath("vda")));
    }

    [SkippableFact]
    public async Task WhereTheMachineCannotBeReachedTheBackupsGoAllTheSameAndTheNextRemovalTakesTheCheckpoints()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        List<(VMBackup Backup, byte[] Content)> taken = await TakeAsync(machine, 4);
        var hasty = new MomentEngine(new MomentEngineOptions { StateRoot = Path.Combine(machine.Scratch, "state"), RuntimeRoot = Path.Combine(machine.Scratch, "run"), LockTimeout = TimeSpan.FromSeconds(1) });
        using (await FileLock.TakeAsync(Path.Combine(machine.StateDirectory, "lock"), "a test", TimeSpan.FromMinutes(1), CancellationToken.None))
            await hasty.RemoveBackupsAsync(TestMachine.Name, new RemoveBackupRequest { Repository = machine.Repository, KeepLast = 2 }, machine.Report, CancellationToken.None);
        Assert.Contains("not the checkpoints", Assert.Single(machine.Report.Warnings), StringComparison.Ordinal);
        Assert.Equal(4, (await machine.MomentsAsync()).Count);
        await RemoveAsync(machine, new RemoveBackupRequest { Repository = machine.Repository, KeepLast = 1 });
        Assert.Equal([taken[3].Backup.Checkpoint!], (await machine.MomentsAsync()).Select(moment => moment.Name));
        await AssertRestoresAsync(machine, taken[3].Backup.Id, taken[3].Content);
    }

    [SkippableFact]
    public async Task WhereTheRepositoryWentAwayNoCheckpointGoes()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await TakeAsync(machine, 2);
        string directory = Path.Combine(machine.Repository, TestMachine.Name);
        Guid uuid = DomainMarker.Read(directory)!.Value;
        Directory.Move(directory, Path.Combine(machine.Scratch, "away"));
        var context = new EngineContext(new DomainCatalogue(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run")), TimeSpan.FromMinutes(2), null, GuestAgentOptions.Default);
        await new BackupCheckpoints(context).RemoveOrphansAsync(machine.Repository, directory, uuid, machine.Report, CancellationToken.None);
        Assert.Equal(2, (await machine.MomentsAsync()).Count);
        Directory.Move(Path.Combine(machine.Scratch, "away"), directory);
    }

    [SkippableFact]
    public async Task WithoutTheMachineTheRepositoryAloneIsEnough()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        List<(VMBackup Backup, byte[] Content)> taken = await TakeAsync(machine, 2);
        using var elsewhere = new ScratchDirectory();
        var engine = new MomentEngine(new MomentEngineOptions { StateRoot = elsewhere["state"], RuntimeRoot = elsewhere["run"] });
        await engine.RemoveBackupsAsync(TestMachine.Name, new RemoveBackupRequest { Repository = machine.Repository, KeepDaily = 1 }, machine.Report, CancellationToken.None);
        await AssertRestoresAsync(machine, taken[1].Backup.Id, taken[1].Content);
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableFact]
    public async Task AnExportHoldsTheBackupThatItServesAndAllBeneath()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        List<(VMBackup Backup, byte[] Content)> taken = await TakeAsync(machine, 3);
        await machine.Engine.StartBlockExportAsync(TestMachine.Name, new StartBlockExportRequest { Repository = machine.Repository, BackupId = taken[1].Backup.Id }, machine.Report, CancellationToken.None);
        foreach ((VMBackup backup, _) in taken.Take(2))
        {
            MomentException refused = await Assert.ThrowsAsync<MomentException>(() => RemoveAsync(machine, new RemoveBackupRequest { Repository = machine.Repository, Ids = [backup.Id], Merge = true }));
            Assert.Equal(RetentionErrors.BackupInUse, refused.ErrorId);
            Assert.Contains("a block export of 'web1'", refused.Message, StringComparison.Ordinal);
        }

        Assert.All(await RemoveAsync(machine, new RemoveBackupRequest { Repository = machine.Repository, KeepLast = 1 }), row => Assert.True(row.Keep));
        await machine.Engine.StopBlockExportAsync(TestMachine.Name, new StopBlockExportRequest(), machine.Report, CancellationToken.None);
        await RemoveAsync(machine, new RemoveBackupRequest { Repository = machine.Repository, KeepLast = 1 });
        await AssertRestoresAsync(machine, taken[2].Backup.Id, taken[2].Content);
    }

    [SkippableFact]
    public async Task WhatARegisteredMachineStandsOnStaysWithAllBeneath()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        List<(VMBackup Backup, byte[] Content)> taken = await TakeAsync(machine, 3);
        string overlay = Path.Combine(machine.Scratch, "overlay.qcow2");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", taken[1].Backup.Disks[0].Path, "-F", "qcow2", overlay);
        string xml = machine.Xml().Replace("6f1b2a6e", "7f1b2a6e", StringComparison.Ordinal).Replace("<name>web1<", "<name>web2<", StringComparison.Ordinal).Replace(machine.DiskPath("vda"), overlay, StringComparison.Ordinal);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml, AcceptBacking = true }, machine.Report, CancellationToken.None);
        foreach ((VMBackup backup, _) in taken.Take(2))
        {
            MomentException refused = await Assert.ThrowsAsync<MomentException>(() => RemoveAsync(machine, new RemoveBackupRequest { Repository = machine.Repository, Ids = [backup.Id], Merge = true }));
            Assert.Equal(RetentionErrors.BackupInUse, refused.ErrorId);
            Assert.Contains(overlay, refused.Message, StringComparison.Ordinal);
        }

        Assert.All(await RemoveAsync(machine, new RemoveBackupRequest { Repository = machine.Repository, KeepLast = 1 }), row => Assert.True(row.Keep));
        Assert.Equal(taken[1].Content, machine.Content(overlay));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AProcessKilledAtAnyStepLosesNoSurvivor(bool running)
    {
        await CrashHarness.RunAsync(output, $"backup-remove, {(running ? "running" : "stopped")}", async (step, _) =>
        {
            await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
            if (running)
                await machine.StartAsync();
            List<(VMBackup Backup, byte[] Content)> taken = await TakeAsync(machine, 3);
            bool died = machine.Dies(step, "backup-remove", machine.Repository);
            // Whatever is there shows its bytes, before anybody clears up and afterwards.
            foreach (VMBackup left in await machine.Engine.GetBackupsAsync(machine.Repository, null, null, machine.Report, CancellationToken.None))
                Assert.Equal(taken.Single(one => one.Backup.Id == left.Id).Content, machine.Content(left.Disks[0].Path));
            VMBackup next = await machine.BackupAsync(VMBackupKind.Incremental);
            await RemoveAsync(machine, new RemoveBackupRequest { Repository = machine.Repository, KeepLast = 1 });
            Assert.Equal([next.Checkpoint!], (await machine.MomentsAsync()).Select(moment => moment.Name));
            await AssertRestoresAsync(machine, next.Id, machine.Content(machine.DiskPath("vda")));
            Assert.Equal([next.Id], Directory.EnumerateDirectories(Path.Combine(machine.Repository, TestMachine.Name)).Select(Path.GetFileName));
            Assert.Empty(await machine.Engine.TestBackupsAsync(TestMachine.Name, new TestBackupRequest { Repository = machine.Repository }, machine.Report, CancellationToken.None));
            return died;
        });
    }

    private static async Task<List<(VMBackup Backup, byte[] Content)>> TakeAsync(TestMachine machine, int count)
    {
        List<(VMBackup, byte[])> taken = [];
        for (byte round = 1; round <= count; round++)
        {
            await machine.WriteAsync("vda", round, round * 2 * Grain, Grain);
            taken.Add((await machine.BackupAsync(), machine.Content(machine.DiskPath("vda"))));
        }

        return taken;
    }

    private static Task<IReadOnlyList<VMBackupPlan>> RemoveAsync(TestMachine machine, RemoveBackupRequest request) =>
        machine.Engine.RemoveBackupsAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);

    private static async Task AssertRestoresAsync(TestMachine machine, string id, byte[] content)
    {
        IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = id, Destination = Path.Combine(machine.Scratch, "r" + id) }, machine.Report, CancellationToken.None);
        Assert.Equal(content, machine.Content(restored[0].Path!));
    }
}
