using System.Diagnostics;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations;

/// <summary>
/// The crash harness: every operation is killed at each of its steps, by SIGKILL of the process that runs it, and separately by SIGKILL
/// of QEMU. Then the next command runs, and everything must be in order: the guest's data, the moments, what changed, the backups; and
/// nothing of ours may be left in QEMU or on disk.
/// </summary>
[Trait("Proof", "crash")]
public sealed class CrashTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("checkpoint", true)]
    [InlineData("checkpoint", false)]
    [InlineData("remove", true)]
    [InlineData("remove", false)]
    [InlineData("describe", true)]
    [InlineData("describe", false)]
    [InlineData("update", false)]
    [InlineData("backup", true)]
    [InlineData("backup", false)]
    [InlineData("backup-copy", true)]
    [InlineData("backup-copy", false)]
    [InlineData("backup-pull", true)]
    [InlineData("backup-pull-copy", true)]
    public async Task AProcessKilledAtAnyStepLosesNothing(string operation, bool running)
    {
        await CrashHarness.RunAsync(output, $"{operation}, {(running ? "running" : "stopped")}", async (step, where) =>
        {
            await using TestMachine machine = await PrepareAsync(running);
            if (!machine.Dies(step, operation, Argument(operation, machine)))
                return false;
            await AssertSoundAsync(machine, where, mayBeUnknown: false);
            return true;
        });
    }

    [SkippableTheory]
    [InlineData("checkpoint")]
    [InlineData("remove")]
    [InlineData("backup")]
    [InlineData("backup-pull")]
    public async Task AQemuKilledAtAnyStepLosesNothingSilently(string operation)
    {
        await CrashHarness.RunAsync(output, $"{operation}, QEMU killed", async (step, where) =>
        {
            var killer = new StepKiller(step);
            await using TestMachine machine = await PrepareAsync(running: true, killer.Probe);
            if (!await machine.LosesQemuAsync(killer, operation, Argument(operation, machine), where))
                return false;
            await machine.StartAsync();
            await AssertSoundAsync(machine, where, mayBeUnknown: true);
            return true;
        });
    }

    private static string Argument(string operation, TestMachine machine) => operation switch
    {
        "checkpoint" => "new",
        "remove" => "middle",
        "describe" => "base",
        "update" => Definition(machine),
        _ => machine.Repository,
    };

    private static string Definition(TestMachine machine)
    {
        string path = Path.Combine(machine.Scratch, "definition.xml");
        File.WriteAllText(path, machine.Xml().Replace("<memory unit='MiB'>64</memory>", "<memory unit='MiB'>80</memory>", StringComparison.Ordinal));
        return path;
    }

    // A past with a backup, three checkpoints, and writes between: enough that every kind of link is there.
    private static async Task<TestMachine> PrepareAsync(bool running, Action<string>? probe = null)
    {
        TestMachine machine = await TestMachine.CreateAsync(probe, "vda", "vdb");
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        await machine.CheckpointAsync("base");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.CheckpointAsync("middle");
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await machine.WriteAsync("vdb", 3, 6 * Grain, Grain);
        return machine;
    }

    private static async Task AssertSoundAsync(TestMachine machine, string where, bool mayBeUnknown)
    {
        byte[] expected = Expected();
        await machine.CheckpointAsync("after");
        await machine.WriteAsync("vda", 4, 8 * Grain, Grain);
        expected.AsSpan((int)(8 * Grain), (int)Grain).Fill(4);

        IReadOnlyList<VMMoment> moments = await machine.MomentsAsync();
        Assert.True(moments.Select(moment => moment.Name).Where(name => name is "base" or "after").Count() == 2, where);
        if (!mayBeUnknown)
            Assert.All(moments, moment => Assert.Equal("OK", moment.Health));
        await machine.AssertChangesAsync("base", [(2 * Grain, Grain), (4 * Grain, Grain), (8 * Grain, Grain)], mayBeUnknown, where);
        await machine.AssertChangesAsync("after", [(8 * Grain, Grain)], false, where);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));

        // The next backup, an increment if that is provable, restores to exactly what the disk holds.
        VMBackup backup = await machine.BackupAsync();
        await AssertNothingLeftAsync(machine, where);
        IReadOnlyList<VMBackup> backups = await machine.Engine.GetBackupsAsync(machine.Repository, null, null, machine.Report, CancellationToken.None);
        Assert.Empty(machine.Report.Failures);
        Assert.Equal(backup.Id, backups[^1].Id);
        IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Destination = Path.Combine(machine.Scratch, "restored") }, machine.Report, CancellationToken.None);
        byte[] content = machine.Content(machine.DiskPath("vda"));
        Assert.True(content.AsSpan().SequenceEqual(machine.Content(restored[0].Path)), $"{where}: the restored disk differs");
        // What the guest had not flushed may vanish with QEMU, with or without us.
        Assert.True(mayBeUnknown || expected.AsSpan().SequenceEqual(content), $"{where}: the guest's disk differs");
    }

    private static byte[] Expected()
    {
        byte[] content = new byte[TestMachine.DiskSize];
        content.AsSpan(0, (int)Grain).Fill(1);
        content.AsSpan((int)(2 * Grain), (int)Grain).Fill(2);
        content.AsSpan((int)(4 * Grain), (int)Grain).Fill(3);
        return content;
    }

    private static async Task AssertNothingLeftAsync(TestMachine machine, string where)
    {
        IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
        Assert.DoesNotContain(bitmaps, bitmap => bitmap.Name.StartsWith("mt-tmp", StringComparison.Ordinal) || bitmap.Name.StartsWith("mt-inc", StringComparison.Ordinal));
        Assert.DoesNotContain(bitmaps, bitmap => bitmap.State == VMBitmapState.Foreign);
        Assert.Empty(Directory.EnumerateFiles(machine.Scratch, "*.scratch.*"));
        Assert.Empty(Directory.EnumerateDirectories(machine.Repository, "*.partial", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }));
        if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State == VMState.Stopped)
        {
            Assert.DoesNotContain(Process.GetProcessesByName("qemu-storage-daemon"), daemon => CommandLine(daemon).Contains(machine.Scratch, StringComparison.Ordinal));
            return;
        }

        await machine.AssertNothingInQemuAsync(where);
    }

    private static string CommandLine(Process process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process.Id}/cmdline");
        }
        catch (IOException)
        {
            return "";
        }
    }
}
