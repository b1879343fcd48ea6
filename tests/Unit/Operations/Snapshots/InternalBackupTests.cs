using MomentTools.Moments;
using MomentTools.Operations.Snapshots;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>Backups go on over ways back inside the images, and stay increments; an undo brings back what was left; nothing odd is listed or found.</summary>
public sealed class InternalBackupTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("memory")]
    [InlineData("disks")]
    [InlineData("off")]
    public async Task IncrementsGoOnAndRestoreToTheByte(string kind)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        var hand = new InternalHand(machine);
        InternalRestoreOptions options = new() { Goal = kind == "off" ? null : VMState.Paused };
        if (kind != "off")
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, 40 * Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, Grain, Grain);
        await hand.TakeAsync("clean", memory: kind == "memory");
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 4, 3 * Grain, Grain);

        await hand.RestoreAsync("clean", options);
        await machine.WriteAsync("vda", 5, 5 * Grain, Grain);
        await AssertBackupAsync(machine, "back");

        await hand.SwitchAsync(hand.State.Kept.Single().Branch!, options);
        await machine.WriteAsync("vda", 6, 6 * Grain, Grain);
        await AssertBackupAsync(machine, "forth");
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AnUndoBringsBackWhatWasLeftAndCanBeUndone(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        var hand = new InternalHand(machine);
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("before");
        await hand.TakeAsync("clean");
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        await machine.Engine.RestoreSnapshotAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = "clean", Paused = running }, machine.Report, CancellationToken.None);
        await machine.WriteAsync("vda", 5, 5 * Grain, Grain);
        Assert.Equal(0, await hand.ByteAsync(2 * Grain));

        await machine.Engine.UndoSnapshotAsync(TestMachine.Name, new UndoSnapshotRequest(), machine.Report, CancellationToken.None);
        Assert.Equal(3, await hand.ByteAsync(2 * Grain));
        Assert.Equal(0, await hand.ByteAsync(5 * Grain));
        Assert.Equal("main", hand.State.ActiveBranch);
        Assert.Equal([2], await hand.BetweenAsync("before", null));
        await machine.Engine.UndoSnapshotAsync(TestMachine.Name, new UndoSnapshotRequest(), machine.Report, CancellationToken.None);
        Assert.Equal(5, await hand.ByteAsync(5 * Grain));
        Assert.Equal([5], await hand.BetweenAsync("before", null));
        // One snapshot, and one state that is kept.
        Assert.Equal(2, (await hand.TagsAsync("vda")).Count);
        Assert.Empty(await machine.Engine.GetMomentsAsync(TestMachine.Name, new MomentQuery { NoMetadata = true }, machine.Report, CancellationToken.None));
        Assert.DoesNotContain(await machine.TestAsync(), finding => finding.Severity != "Information");
        Assert.Empty(Journal.Pending(machine.StateDirectory));
    }

    private static async Task AssertBackupAsync(TestMachine machine, string name)
    {
        VMBackup backup = await machine.BackupAsync();
        Assert.Equal(VMBackupKind.Incremental, backup.Kind);
        string destination = Path.Combine(machine.Scratch, name);
        foreach (VMRestoredDisk restored in await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Destination = destination }, machine.Report, CancellationToken.None))
        {
            await machine.IoAsync(restored.Disk, "flush");
            Assert.True(machine.Content(machine.DiskPath(restored.Disk)).AsSpan().SequenceEqual(machine.Content(restored.Path)), $"{name}: '{restored.Disk}' differs");
        }
    }
}
