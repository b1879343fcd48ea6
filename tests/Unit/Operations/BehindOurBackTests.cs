using System.Globalization;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>
/// Somebody changes an image beneath a disk that has moments. No bitmap tells of it, so what leads to now is unknown, the next backup is a
/// full one, and the one after it an increment that is right.
/// </summary>
public sealed class BehindOurBackTests
{
    private const long Grain = 65536;

    // Where the images beneath hold data, and where somebody writes into them.
    private const long Below = 32 * Grain;

    /// <summary>What is done; the bottom of how many images; whether the guest's disk has another content afterwards.</summary>
    public static TheoryData<string, int> Ways => new()
    {
        { "written", 1 }, { "written", 2 }, { "written raw", 1 }, { "replaced", 1 }, { "replaced, with the time of the old one", 1 }, { "copied over, with an older time", 1 }, { "touched", 1 }, { "committed", 1 },
    };

    [SkippableTheory]
    [MemberData(nameof(Ways))]
    public async Task AfterItAllIsExactAgainOnAStoppedMachine(string way, int bases)
    {
        await using TestMachine machine = await OnAsync(way, bases);
        (VMBackup first, VMBackup second) = await StoryAsync(machine);
        byte[] before = Read(machine);
        Do(machine, way);
        await CheckUnknownAsync(machine, first, second, differs: way is not ("touched" or "committed"), before);
        await CheckNextAsync(machine);
    }

    [SkippableTheory]
    [InlineData("written")]
    [InlineData("replaced")]
    public async Task AfterItAllIsExactAgainOnAMachineThatStartedAfterIt(string way)
    {
        await using TestMachine machine = await OnAsync(way, 1);
        (VMBackup first, VMBackup second) = await StoryAsync(machine);
        byte[] before = Read(machine);
        Do(machine, way);
        // Which of two things was first can be told where they are some ticks apart.
        await Task.Delay(100);
        await machine.StartAsync();
        await CheckUnknownAsync(machine, first, second, differs: true, before);
        await CheckNextAsync(machine);
    }

    // What QEMU reads of a file that was changed under it may change once more when it starts again.
    [SkippableTheory]
    [InlineData("written")]
    [InlineData("replaced")]
    [InlineData("copied over, with an older time")]
    public async Task UnderARunningMachineNothingIsExactBeforeItStartsAgain(string way)
    {
        await using TestMachine machine = await OnAsync(way, 1);
        await machine.StartAsync();
        (VMBackup first, VMBackup second) = await StoryAsync(machine);
        Do(machine, way);
        await CheckUnknownAsync(machine, first, second, differs: false, []);
        VMBackup again = await machine.BackupAsync();
        Assert.True(again.Disks.Single().Compared);
        await machine.StopAsync();
        await machine.StartAsync();
        await UnknownAsync(machine, again);
        await CheckComparedAsync(machine);
        await CheckNextAsync(machine);
    }

    [SkippableFact]
    public async Task ADiskThatStandsOnAnotherImageIsNotChanged()
    {
        await using TestMachine machine = await OnAsync("rebased", 1);
        (_, VMBackup second) = await StoryAsync(machine);
        string other = Path.Combine(machine.Scratch, "other.qcow2");
        File.Copy(Base(machine, 0), other);
        Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", other, "-F", "qcow2", machine.DiskPath("vda"));
        Assert.Contains(other, (await UnknownAsync(machine, second)).Message, StringComparison.Ordinal);
        foreach (Func<Task> change in (Func<Task>[])[() => machine.CheckpointAsync("c"), () => machine.BackupAsync(), () => machine.BackupAsync(VMBackupKind.Full)])
        {
            MomentException refused = await Assert.ThrowsAsync<MomentException>(change);
            Assert.Equal(OperationErrors.DiskLayerUnexpected, refused.ErrorId);
            Assert.Contains("Repair-VMMoment", refused.Advice, StringComparison.Ordinal);
        }

        // Back on the recorded image all is as it was.
        Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", "base0.qcow2", "-F", "qcow2", machine.DiskPath("vda"));
        Assert.Equal([(12 * Grain, Grain)], await machine.ChangesAsync(second.Checkpoint!));
    }

    [SkippableFact]
    public async Task AWriteWhileAMomentIsTakenUndoesIt()
    {
        TestMachine? story = null;
        string? at = null;
        await using TestMachine machine = await OnAsync("written", 1, step =>
        {
            if (at is not null && step.EndsWith(at, StringComparison.Ordinal))
                Write(Base(story!, 0));
        });
        story = machine;
        (_, VMBackup second) = await StoryAsync(machine);
        at = ":transaction";
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => machine.CheckpointAsync("c"));
        Assert.Equal(OperationErrors.LayerChanging, failure.ErrorId);
        failure = await Assert.ThrowsAsync<MomentException>(() => machine.BackupAsync());
        Assert.Equal(OperationErrors.LayerChanging, failure.ErrorId);
        at = null;
        Assert.Equal(2, (await machine.MomentsAsync()).Count);
        await UnknownAsync(machine, second);
        await CheckComparedAsync(machine);
        await CheckNextAsync(machine);
    }

    [SkippableFact]
    public async Task AWriteAtOnceAfterTheMomentIsNoticed()
    {
        await using TestMachine machine = await OnAsync("written raw", 1);
        // The file is written to until the very moment, and goes on being written to right after it, within a tick of its clock.
        for (int round = 0; round < 5; round++)
        {
            WriteRaw(machine, (byte)(2 * round));
            VMCheckpoint taken = await machine.CheckpointAsync($"c{round}");
            WriteRaw(machine, (byte)(2 * round + 1));
            MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync(taken.Name));
            Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
        }
    }

    [SkippableFact]
    public async Task AMachineThatWasMovedWithItsImagesGoesOn()
    {
        await using TestMachine machine = await OnAsync("written", 1);
        (_, VMBackup second) = await StoryAsync(machine);
        string folder = Directory.CreateDirectory(Path.Combine(machine.Scratch, "elsewhere")).FullName;
        foreach (string name in (string[])["base0.qcow2", "vda.qcow2"])
            File.Move(Path.Combine(machine.Scratch, name), Path.Combine(folder, name));
        string xml = machine.Xml().Replace(machine.DiskPath("vda"), Path.Combine(folder, "vda.qcow2"), StringComparison.Ordinal);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml, Update = true }, machine.Report, CancellationToken.None);
        Assert.Equal([(12 * Grain, Grain)], await machine.ChangesAsync(second.Checkpoint!));
        Assert.Empty(await machine.TestAsync());
    }

    // A full backup, an increment, and a write after it.
    private static async Task<(VMBackup First, VMBackup Second)> StoryAsync(TestMachine machine)
    {
        VMBackup first = await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 4 * Grain, Grain);
        VMBackup second = await machine.BackupAsync();
        Assert.Equal(VMBackupKind.Incremental, second.Disks.Single().Kind);
        await machine.WriteAsync("vda", 3, 12 * Grain, Grain);
        Assert.Equal([(12 * Grain, Grain)], await machine.ChangesAsync(second.Checkpoint!));
        Assert.Empty(machine.Report.Warnings);
        return (first, second);
    }

    private static async Task CheckUnknownAsync(TestMachine machine, VMBackup first, VMBackup second, bool differs, byte[] before)
    {
        if (differs)
            Assert.False(before.AsSpan((int)Below, (int)Grain).SequenceEqual(Read(machine).AsSpan((int)Below, (int)Grain)));
        MomentException unknown = await UnknownAsync(machine, second);
        Assert.Contains(Base(machine, 0), unknown.Message, StringComparison.Ordinal);
        VMMoment moment = (await machine.MomentsAsync()).Single(moment => moment.Name == second.Checkpoint);
        Assert.NotEqual("OK", moment.Health);

        // What closed before is as true as it was.
        VMChangedBlock closed = Assert.Single(await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, first.Checkpoint!, second.Checkpoint!, ["vda"], machine.Report, CancellationToken.None));
        Assert.Equal((4 * Grain, Grain), (closed.Offset, closed.Length));
        machine.Report.Warnings.Clear();
        // What was written within a tick of the file system's clock before an opening might have been written after it, and is not accepted.
        await Task.Delay(50);
        await CheckComparedAsync(machine, content: before.Length > 0);
        Assert.Contains(machine.Report.Warnings, warning => warning.StartsWith("LayerChanged: ", StringComparison.Ordinal) && warning.Contains(Base(machine, 0), StringComparison.Ordinal));
    }

    // Nothing tells what changed: the whole content is held against that of the backup before.
    private static async Task CheckComparedAsync(TestMachine machine, bool content = true)
    {
        VMBackup backup = await machine.BackupAsync();
        VMBackupDisk disk = backup.Disks.Single();
        Assert.Equal((VMBackupKind.Incremental, true), (disk.Kind, disk.Compared));
        Assert.Contains(Base(machine, 0), disk.Reason, StringComparison.Ordinal);
        if (content)
            Assert.True(Read(machine).AsSpan().SequenceEqual(machine.Content(disk.Path)), "the backup is not what the disk holds");
    }

    private static async Task CheckNextAsync(TestMachine machine)
    {
        machine.Report.Warnings.Clear();
        Assert.Empty(await machine.TestAsync());
        await machine.WriteAsync("vda", 5, 20 * Grain, Grain);
        await machine.IoAsync("vda", "flush");
        VMMoment current = (await machine.MomentsAsync()).Single(moment => moment.Current);
        Assert.Equal([(20 * Grain, Grain)], await machine.ChangesAsync(current.Name));
        VMBackupDisk disk = (await machine.BackupAsync()).Disks.Single();
        Assert.Equal(VMBackupKind.Incremental, disk.Kind);
        Assert.True(Read(machine).AsSpan().SequenceEqual(machine.Content(disk.Path)), "the increment is not what the disk holds");
        Assert.Empty(machine.Report.Warnings);
    }

    private static async Task<MomentException> UnknownAsync(TestMachine machine, VMBackup since)
    {
        MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync(since.Checkpoint!));
        Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
        return unknown;
    }

    private static byte[] Read(TestMachine machine) => machine.Content(machine.DiskPath("vda"));

    /// <summary>The disk on a chain of images, by relative names; each has data of its own.</summary>
    private static async Task<TestMachine> OnAsync(string way, int bases, Action<string>? probe = null)
    {
        TestMachine machine = await TestMachine.CreateAsync(probe);
        string format = way == "written raw" ? "raw" : "qcow2";
        for (int index = 0; index < bases; index++)
        {
            string path = Base(machine, index);
            if (index == 0)
                Tool.Run("qemu-img", "create", "-q", "-f", format, path, "64M");
            else
                Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", $"base{index - 1}.qcow2", "-F", "qcow2", path);
            Tool.Run("qemu-io", "-f", format, "-c", string.Create(CultureInfo.InvariantCulture, $"write -P {index + 1} {index * Grain} {Grain}"), path);
        }

        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", $"base{bases - 1}.qcow2", "-F", format, machine.DiskPath("vda"));
        return machine;
    }

    private static string Base(TestMachine machine, int index) => Path.Combine(machine.Scratch, $"base{index}.qcow2");

    private static void Do(TestMachine machine, string way)
    {
        string path = Base(machine, 0);
        switch (way)
        {
            case "written":
                Write(path);
                break;
            case "written raw":
                WriteRaw(machine, 7);
                break;
            case "replaced":
                Replace(path);
                break;
            case "replaced, with the time of the old one":
                DateTime time = File.GetLastWriteTimeUtc(path);
                Replace(path);
                File.SetLastWriteTimeUtc(path, time);
                break;
            case "copied over, with an older time":
                File.Copy(path, path + ".old");
                Write(path + ".old");
                File.SetLastWriteTimeUtc(path + ".old", DateTime.UtcNow.AddHours(-1));
                Tool.Run("cp", "-p", path + ".old", path);
                break;
            case "touched":
                File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
                break;
            case "committed":
                Tool.Run("qemu-img", "commit", "-q", machine.DiskPath("vda"));
                break;
        }
    }

    private static void Replace(string path)
    {
        File.Copy(path, path + ".new");
        Write(path + ".new");
        File.Move(path + ".new", path, overwrite: true);
    }

    // As who switches QEMU's locks off, or does not ask for them.
    private static void Write(string path) =>
        Tool.Run("qemu-io", "--image-opts", "-c", $"write -P 7 {Below} {Grain}", $"driver=qcow2,file.driver=file,file.locking=off,file.filename={path}");

    private static void WriteRaw(TestMachine machine, byte pattern)
    {
        using FileStream file = File.Open(Base(machine, 0), FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.Position = Below;
        file.Write([.. Enumerable.Repeat(pattern, (int)Grain)]);
    }
}
