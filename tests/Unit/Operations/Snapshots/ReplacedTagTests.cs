using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>
/// Another tool saves over an internal snapshot of ours: under its name lies another state, and what was recorded says nothing of that one.
/// </summary>
public sealed class ReplacedTagTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AStateThatSomebodySavedUnderTheSameNameIsNotTakenForTheSnapshot(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var hand = new InternalHand(machine);
        if (running)
            await machine.StartAsync();
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await hand.TakeAsync("clean", memory: running);
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        VMBackup backup = await machine.BackupAsync();
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await SaveOverAsync(machine, running);
        await machine.WriteAsync("vda", 4, 6 * Grain, Grain);
        await machine.IoAsync("vda", "flush");
        byte[] before = machine.Content(machine.DiskPath("vda"));

        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => hand.RestoreAsync("clean"));

        Assert.Equal(ImageTipErrors.SnapshotNotInImage, refused.ErrorId);
        Assert.Contains("made anew", refused.Message, StringComparison.Ordinal);
        Assert.True(before.AsSpan().SequenceEqual(machine.Content(machine.DiskPath("vda"))));
        Assert.Equal([(4 * Grain, Grain), (6 * Grain, Grain)], await machine.ChangesAsync(backup.Checkpoint!));
        IReadOnlyList<VMMomentFinding> findings = await machine.Engine.TestMomentsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
        Assert.Contains(findings, finding => finding.Id == "SnapshotMissing" && finding.Moment == "clean");
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneThatNobodyTouchedIsKnownAgain(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        var hand = new InternalHand(machine);
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vdb", 1, 0, Grain);
        await hand.TakeAsync("clean", memory: running);
        await machine.WriteAsync("vdb", 2, 0, Grain);
        await hand.TakeAsync("later");
        await machine.RemoveAsync("later");
        Assert.Empty(await machine.Engine.TestMomentsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None));
        await hand.RestoreAsync("clean", new InternalRestoreOptions { Goal = running ? VMState.Paused : null });
        Assert.Equal(1, await hand.ByteAsync(0, "vdb"));
    }

    private static async Task SaveOverAsync(TestMachine machine, bool running)
    {
        if (running)
        {
            JsonElement answer = await machine.Engine.InvokeQmpAsync(TestMachine.Name, "human-monitor-command", """{"command-line":"savevm clean"}""", CancellationToken.None);
            Assert.Equal("", answer.GetString());
            return;
        }

        Tool.Run("qemu-img", "snapshot", "-d", "clean", machine.DiskPath("vda"));
        Tool.Run("qemu-img", "snapshot", "-c", "clean", machine.DiskPath("vda"));
    }
}
