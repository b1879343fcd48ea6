using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>
/// A machine is put back whole, with what is recorded of it, or lives on two hosts: from then on it has two lives that begin at the same point,
/// and what one of them backed up is no base for the other. Or only the record is put back, and its images are ahead of it.
/// </summary>
public sealed class TwoLivesTests
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task ABackupFromBeforeTheHostWasPutBackIsNoBaseForWhatCameAfter()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        VMBackup first = await machine.BackupAsync();
        Keep(machine, "then");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        VMBackup undone = await machine.BackupAsync();
        Bring(machine, "then");
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        // The same moment of the record as that of the backup which was undone, in another repository.
        await machine.Engine.BackupAsync(TestMachine.Name, new BackupRequest { Repository = Path.Combine(machine.Scratch, "other") }, machine.Report, CancellationToken.None);
        await machine.WriteAsync("vda", 4, 6 * Grain, Grain);

        VMBackup next = await machine.BackupAsync();

        AssertIs(machine, next);
        Assert.Equal(first.Id, next.Disks[0].ParentId);
        Assert.False(next.Disks[0].Compared);
        Assert.NotEqual(undone.Id, next.Disks[0].ParentId);
    }

    [SkippableFact]
    public async Task TwoHostsThatShareARepositoryEachGoOnFromTheirOwn()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        Keep(machine, "other");
        for (byte round = 0; round < 3; round++)
        {
            foreach (byte host in (byte[])[0, 1])
            {
                await machine.WriteAsync("vda", (byte)(10 + round * 2 + host), (2 + round * 4 + host * 2) * Grain, Grain);
                VMBackup backup = await machine.BackupAsync();
                AssertIs(machine, backup);
                Assert.False(backup.Disks[0].Compared);
                Exchange(machine, "other");
            }
        }
    }

    [SkippableTheory]
    [InlineData("capture")]
    [InlineData("close")]
    public async Task ARecordFromTheMiddleOfAnOperationUndoesNothingOfWhatCameLater(string step)
    {
        TestMachine? story = null;
        bool copied = false;
        await using TestMachine machine = await TestMachine.CreateAsync(name =>
        {
            if (story is null || copied || !name.EndsWith(":" + step, StringComparison.Ordinal))
                return;
            // As whoever saves the host's files each night.
            Tool.Run("cp", "-a", Path.Combine(story.Scratch, "state"), Path.Combine(story.Scratch, "night"));
            copied = true;
        });
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, Grain);
        story = machine;
        await machine.CheckpointAsync("b");
        Assert.True(copied);
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.CheckpointAsync("c");
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        Directory.Delete(Path.Combine(machine.Scratch, "state"), recursive: true);
        Directory.Move(Path.Combine(machine.Scratch, "night"), Path.Combine(machine.Scratch, "state"));

        await machine.CheckpointAsync("d");

        MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.BetweenAsync("a", "d"));
        Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
        await machine.WriteAsync("vda", 4, 6 * Grain, Grain);
        Assert.Equal([(6 * Grain, Grain)], await machine.ChangesAsync("d"));
        // What recorded for the moments that this record does not know is as it was.
        Assert.Contains(await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None), bitmap => bitmap.Name == "b");
    }

    private static void AssertIs(TestMachine machine, VMBackup backup) =>
        Assert.True(machine.Content(machine.DiskPath("vda")).AsSpan().SequenceEqual(machine.Content(backup.Disks[0].Path)), $"the backup '{backup.Id}' is not what the disk holds");

    private static void Keep(TestMachine machine, string name)
    {
        string aside = Directory.CreateDirectory(Path.Combine(machine.Scratch, name)).FullName;
        Tool.Run("cp", "-a", Path.Combine(machine.Scratch, "state"), machine.DiskPath("vda"), aside);
    }

    private static void Bring(TestMachine machine, string name)
    {
        Exchange(machine, name);
        Directory.Delete(Path.Combine(machine.Scratch, name), recursive: true);
    }

    private static void Exchange(TestMachine machine, string name)
    {
        string aside = Path.Combine(machine.Scratch, name), away = Directory.CreateDirectory(Path.Combine(machine.Scratch, name + ".away")).FullName;
        foreach (string part in (string[])["state", "vda.qcow2"])
        {
            Directory.Move(Path.Combine(machine.Scratch, part), Path.Combine(away, part));
            Directory.Move(Path.Combine(aside, part), Path.Combine(machine.Scratch, part));
        }

        Directory.Delete(aside);
        Directory.Move(away, aside);
    }
}
