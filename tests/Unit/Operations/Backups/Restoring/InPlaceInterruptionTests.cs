using MomentTools.Errors;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Tests.Support;
using static MomentTools.Tests.Operations.Backups.Restoring.InPlaceRestoreTests;

namespace MomentTools.Tests.Operations.Backups.Restoring;

/// <summary>A restore onto the machine's own disks that is stopped, or for which there is no room: nothing of it is there, or the next command finishes it.</summary>
public sealed class InPlaceInterruptionTests
{
    private const long Grain = 65536;

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
        await using TestMachine machine = await InterruptedAsync();
        // The operation began when it was tomorrow.
        string journal = Assert.Single(Directory.GetFiles(Path.Combine(machine.StateDirectory, "journal")), path => File.ReadAllText(path).Contains("\"started\"", StringComparison.Ordinal));
        string text = await File.ReadAllTextAsync(journal), later = System.Text.RegularExpressions.Regex.Replace(text, "\"started\":\"[^\"]*\"", $"\"started\":\"{DateTimeOffset.UtcNow.AddDays(1):O}\"", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromMinutes(1));
        Assert.NotEqual(text, later);
        await File.WriteAllTextAsync(journal, later);
        await machine.CheckpointAsync("after");
        Assert.Equal(1, machine.Content(machine.DiskPath("vda"))[0]);
        AssertNothingLeft(machine);
    }

    [SkippableFact]
    public async Task AnInterruptedRestoreDoesNotGoOnBeneathARunningGuest()
    {
        await using TestMachine machine = await InterruptedAsync();
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

    [SkippableTheory]
    [InlineData("another file")]
    [InlineData("the same file")]
    public async Task AnImageThatSomebodyPutInItsPlaceIsNotMixedWithTheBackup(string into)
    {
        await using TestMachine machine = await InterruptedAsync();
        // Who waits no longer helps himself, from what he has.
        string own = Path.Combine(machine.Scratch, "own.qcow2"), disk = machine.DiskPath("vda");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", own, "64M");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", $"write -P 9 {4 * Grain} {8 * Grain}", own);
        byte[] content = machine.Content(own);
        if (into == "another file")
            File.Move(own, disk, overwrite: true);
        else
            File.Copy(own, disk, overwrite: true);
        machine.Report.Warnings.Clear();

        await machine.CheckpointAsync("after");

        Assert.True(content.AsSpan().SequenceEqual(machine.Content(disk)), "the image is a mixture");
        Assert.Contains(machine.Report.Warnings, warning => warning.Contains("another image", StringComparison.Ordinal));
        AssertNothingLeft(machine);
    }

    // A restore that died as it wrote.
    private static async Task<TestMachine> InterruptedAsync()
    {
        bool dies = true;
        TestMachine machine = await TestMachine.CreateAsync(step =>
        {
            if (step == $"{InPlaceRestore.Operation}:write" && dies)
                throw new IOException(step);
        });
        await machine.WriteAsync("vda", 1, 0, 8 * Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 0, 8 * Grain);
        await Assert.ThrowsAsync<IOException>(() => RestoreAsync(machine, null));
        dies = false;
        return machine;
    }
}
