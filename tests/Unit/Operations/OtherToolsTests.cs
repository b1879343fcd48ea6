using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>
/// Another tool works on the same running machine, by QMP or HMP: what it does to the graph beneath the guest never makes an answer or a backup
/// too small. The machine's own disk, read by qemu-img, is the oracle.
/// </summary>
public sealed class OtherToolsTests
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task AnOverlayThatAnotherToolPutOnTopAndMergedAgainIsInTheNextBackup()
    {
        await using TestMachine machine = await OnBaseAsync();
        await machine.StartAsync();
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        // As libvirt's --disk-only, a copy of the base elsewhere, and blockcommit --pivot.
        string overlay = Path.Combine(machine.Scratch, "theirs.qcow2");
        await QmpAsync(machine, "blockdev-snapshot-sync", $$"""{"node-name":"mt-vda","snapshot-node-name":"theirs","snapshot-file":"{{overlay}}","format":"qcow2"}""");
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await Assert.ThrowsAsync<MomentException>(() => machine.BackupAsync());
        await QmpAsync(machine, "block-commit", """{"job-id":"theirs","device":"theirs","base-node":"mt-vda","top-node":"theirs"}""");
        await machine.WriteAsync("vda", 4, 6 * Grain, Grain);
        await CompleteAsync(machine, "theirs");
        await machine.WriteAsync("vda", 5, 8 * Grain, Grain);

        await CheckAsync(machine);
    }

    [SkippableFact]
    public async Task ABaseThatAnotherToolPulledInIsNotTakenForTheOldChain()
    {
        await using TestMachine machine = await OnBaseAsync();
        await machine.StartAsync();
        VMBackup first = await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await QmpAsync(machine, "block-stream", """{"job-id":"theirs","device":"mt-vda"}""");
        await GoneAsync(machine, "theirs");

        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.BackupAsync());
        Assert.Equal(OperationErrors.DiskLayerUnexpected, refused.ErrorId);
        MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync(first.Checkpoint!));
        Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
    }

    [SkippableFact]
    public async Task AMirrorThatAnotherToolTookTheGuestToIsRefusedAndOneAtTheOldPlaceIsNotBelieved()
    {
        await using TestMachine machine = await OnBaseAsync();
        await machine.StartAsync();
        VMBackup first = await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        string elsewhere = Path.Combine(machine.Scratch, "mirror.qcow2");
        await QmpAsync(machine, "drive-mirror", $$"""{"job-id":"theirs","device":"mt-vda","node-name":"mirrored","target":"{{elsewhere}}","format":"qcow2","sync":"full"}""");
        await CompleteAsync(machine, "theirs");
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        Assert.NotNull(await Record.ExceptionAsync(() => machine.BackupAsync()));
        await machine.StopAsync();

        // What is at the recorded place is what was left there.
        Assert.Equal([(2 * Grain, Grain)], await machine.ChangesAsync(first.Checkpoint!));
        await CheckAsync(machine);
        File.Copy(elsewhere, machine.DiskPath("vda"), overwrite: true);
        await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync(first.Checkpoint!));
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.BackupAsync());
        Assert.Equal(OperationErrors.DiskLayerUnexpected, refused.ErrorId);
    }

    [SkippableFact]
    public async Task ABaseThatAnotherToolPutBeneathTheRunningImageIsNoticed()
    {
        await using TestMachine machine = await OnBaseAsync();
        await machine.StartAsync();
        VMBackup first = await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        string other = Path.Combine(machine.Scratch, "other.qcow2");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", other, "64M");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", $"write -P 9 {32 * Grain} {4 * Grain}", other);
        await QmpAsync(machine, "blockdev-add", $$"""{"driver":"qcow2","node-name":"other","read-only":true,"file":{"driver":"file","filename":"{{other}}"},"backing":null}""");
        await QmpAsync(machine, "blockdev-reopen", """{"options":[{"driver":"qcow2","node-name":"mt-vda","read-only":false,"file":"mt-vda-f","backing":"other"}]}""");

        MomentException? unknown = await Record.ExceptionAsync(() => machine.ChangesAsync(first.Checkpoint!)) as MomentException;
        Assert.Equal(OperationErrors.ChangesUnknown, unknown?.ErrorId);
        MomentException? refused = await Record.ExceptionAsync(() => machine.BackupAsync()) as MomentException;
        Assert.Equal(OperationErrors.DiskLayerUnexpected, refused?.ErrorId);
        await machine.StopAsync();
        await CheckAsync(machine);
    }

    [SkippableFact]
    public async Task AStateThatAnotherToolSavedIsNotLoadedPastTheRecord()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        Assert.Equal("", await HmpAsync(machine, "savevm theirs"));
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        VMCheckpoint taken = await machine.CheckpointAsync("taken");
        await machine.WriteAsync("vda", 4, 6 * Grain, Grain);
        // QEMU loads nothing into a disk that has bitmaps.
        Assert.Contains("bitmaps", await HmpAsync(machine, "loadvm theirs"), StringComparison.Ordinal);

        Assert.Equal([(6 * Grain, Grain)], await machine.ChangesAsync(taken.Name));
        await CheckAsync(machine);
    }

    // The next backup is what the disk holds, and so is the one after it.
    private static async Task CheckAsync(TestMachine machine)
    {
        for (byte round = 0; round < 2; round++)
        {
            await machine.WriteAsync("vda", (byte)(100 + round), (20 + 2 * round) * Grain, Grain);
            await machine.IoAsync("vda", "flush");
            VMBackup backup = await machine.BackupAsync();
            Assert.True(machine.Content(machine.DiskPath("vda")).AsSpan().SequenceEqual(machine.Content(backup.Disks[0].Path)), $"backup {round} is not what the disk holds");
        }
    }

    private static async Task<TestMachine> OnBaseAsync()
    {
        TestMachine machine = await TestMachine.CreateAsync();
        string below = Path.Combine(machine.Scratch, "base.qcow2");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", below, "64M");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", $"write -P 1 0 {2 * Grain}", "-c", $"write -P 7 {32 * Grain} {Grain}", below);
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", machine.DiskPath("vda"));
        return machine;
    }

    private static Task<JsonElement> QmpAsync(TestMachine machine, string command, string arguments) =>
        machine.Engine.InvokeQmpAsync(TestMachine.Name, command, arguments, CancellationToken.None);

    private static async Task<string?> HmpAsync(TestMachine machine, string command) =>
        (await QmpAsync(machine, "human-monitor-command", JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal) { ["command-line"] = command }))).GetString();

    private static async Task CompleteAsync(TestMachine machine, string job)
    {
        await UntilAsync(async () => (await QmpAsync(machine, "query-block-jobs", "{}")).EnumerateArray().Any(one => one.GetProperty("device").GetString() == job && one.GetProperty("ready").GetBoolean()));
        await QmpAsync(machine, "block-job-complete", $$"""{"device":"{{job}}"}""");
        await GoneAsync(machine, job);
    }

    private static Task GoneAsync(TestMachine machine, string job) =>
        UntilAsync(async () => !(await QmpAsync(machine, "query-block-jobs", "{}")).EnumerateArray().Any(one => one.GetProperty("device").GetString() == job));

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        for (DateTime end = DateTime.UtcNow.AddSeconds(120); !await holds(); await Task.Delay(20))
            Assert.True(DateTime.UtcNow < end, "QEMU did not come to it in two minutes");
    }
}
