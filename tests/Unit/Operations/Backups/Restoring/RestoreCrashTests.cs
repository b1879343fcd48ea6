using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Backups.Restoring;

/// <summary>Restores killed at each of their steps: the disks hold the backup or what they held, and the next command finds nothing in its way.</summary>
[Trait("Proof", "crash")]
public sealed class RestoreCrashTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableFact]
    public Task AProcessKilledAtAnyStepRestoresAllOrNothing() => KillAsync("in-place", async (machine, where) =>
    {
        // The next command finishes it, or takes it back.
        await machine.CheckpointAsync("after");
        bool finished = machine.Content(machine.DiskPath("vda"))[0] == 1;
        AssertDisks(machine, finished, where);
        InPlaceRestoreTests.AssertNothingLeft(machine);
        VMBackup next = await machine.BackupAsync();
        IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Id = next.Id, Destination = Path.Combine(machine.Scratch, "next") }, machine.Report, CancellationToken.None);
        foreach (VMRestoredDisk disk in restored)
            Assert.True(machine.Content(machine.DiskPath(disk.Disk)).AsSpan().SequenceEqual(machine.Content(disk.Path)), $"{where}: the next backup of {disk.Disk} is wrong");
        await machine.Engine.RestoreBackupAsync(TestMachine.Name, InPlaceRestoreTests.Request(machine, next.Parent), machine.Report, CancellationToken.None);
        AssertDisks(machine, restored: true, where);
    });

    [SkippableFact]
    public Task FilesOfAKilledRestoreAreWholeOrGone() => KillAsync("files", async (machine, where) =>
    {
        string files = Path.Combine(machine.Scratch, "restored");
        string[] named = Named(files);
        // Whatever has its name is whole.
        foreach (string path in named)
            Assert.Equal(1, machine.Content(path)[0]);
        foreach (string path in named)
            File.Move(path, Path.Combine(machine.Scratch, Path.GetFileName(path) + ".kept"));
        RestoreBackupRequest request = new() { Repository = machine.Repository, Destination = files };
        try
        {
            await machine.Engine.RestoreBackupAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);
        }
        catch (Errors.MomentException exists) when (exists.ErrorId.Name == "FileExists")
        {
            // What was whole got its name now: it is a file like others.
            Assert.NotEmpty(Named(files));
            await machine.Engine.RestoreBackupAsync(TestMachine.Name, request with { Destination = files + "2" }, machine.Report, CancellationToken.None);
            files += "2";
        }

        Assert.True(Directory.GetFileSystemEntries(files).Length == 2, where);
        Assert.Equal(1, machine.Content(Path.Combine(files, "vda.qcow2"))[0]);
    });

    [SkippableFact]
    public Task AMachineOfAKilledRestoreIsThereWholeOrNotAtAll() => KillAsync("domain", async (machine, where) =>
    {
        string files = Path.Combine(machine.Scratch, "restored");
        if (!machine.Engine.FindDomains("*").Contains("copy", StringComparer.Ordinal))
            await machine.Engine.RestoreBackupAsync(TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Destination = files, AsDomain = "copy" }, machine.Report, CancellationToken.None);
        VMDomain copy = await machine.Engine.GetDomainAsync("copy", machine.Report, CancellationToken.None);
        Assert.All(copy.Disks, disk => Assert.True(File.Exists(disk.Path), where));
        Assert.Equal(1, machine.Content(copy.Disks[0].Path!)[0]);
        Assert.Equal(2, Named(files).Length);
        // A note of one that was registered in that moment goes with the next.
        await machine.Engine.RestoreBackupAsync(TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Destination = files, AsDomain = "other" }, machine.Report, CancellationToken.None);
        Assert.True(Directory.GetFileSystemEntries(files).Length == 4, where);
        Assert.Equal(1, machine.Content(copy.Disks[0].Path!)[0]);
    });

    private async Task KillAsync(string kind, Func<TestMachine, string, Task> judge)
    {
        int tried = await CrashHarness.RunAsync(output, "restore, " + kind, async (step, where) =>
        {
            await using TestMachine machine = await PrepareAsync();
            if (!machine.Dies(step, "backup-restore-" + kind, machine.Repository))
                return false;
            await judge(machine, where);
            return true;
        }, each: true);
        Assert.True(tried >= 3);
    }

    private static async Task<TestMachine> PrepareAsync()
    {
        TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        await machine.WriteAsync("vdb", 1, 0, 4 * Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 0, 6 * Grain);
        await machine.WriteAsync("vdb", 2, Grain, 6 * Grain);
        return machine;
    }

    private static void AssertDisks(TestMachine machine, bool restored, string where)
    {
        byte[] a = new byte[TestMachine.DiskSize], b = new byte[TestMachine.DiskSize];
        a.AsSpan(0, (int)(4 * Grain)).Fill(1);
        b.AsSpan(0, (int)(4 * Grain)).Fill(1);
        if (!restored)
        {
            a.AsSpan(0, (int)(6 * Grain)).Fill(2);
            b.AsSpan((int)Grain, (int)(6 * Grain)).Fill(2);
        }

        foreach ((string disk, byte[] content) in ((string, byte[])[])[("vda", a), ("vdb", b)])
            Assert.True(content.AsSpan().SequenceEqual(machine.Content(machine.DiskPath(disk))), $"{where}: {disk} is neither");
    }

    private static string[] Named(string directory) =>
        Directory.Exists(directory) ? [.. Directory.GetFiles(directory).Where(path => Path.GetFileName(path)[0] != '.')] : [];
}
