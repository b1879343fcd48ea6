using System.Diagnostics;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines;

public sealed class StorageDaemonTests
{
    [SkippableFact]
    public async Task ItStartsAnswersAndLeavesNothingBehind()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        await using StorageDaemon daemon = await StorageDaemon.StartAsync(scratch["r"], CancellationToken.None);
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch["r"]));
        Assert.Empty(await daemon.Qmp.QueryNamedBlockNodesAsync(CancellationToken.None));
        await daemon.CloseAsync(CancellationToken.None);
        Assert.Null(HostProcess.Find(daemon.ProcessId));
    }

    [SkippableFact]
    public async Task DisposingEndsIt()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        int id;
        await using (StorageDaemon daemon = await StorageDaemon.StartAsync(scratch["r"], CancellationToken.None))
            id = daemon.ProcessId;
        Assert.Null(HostProcess.Find(id));
    }

    [SkippableFact]
    public async Task OneThatWasKilledIsAnErrorAtTheClose()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        await using StorageDaemon daemon = await StorageDaemon.StartAsync(scratch["r"], CancellationToken.None);
        HostProcess.Find(daemon.ProcessId)!.Signal(HostProcess.Kill);
        MomentException failure = await Expect.FailsAsync(MachineErrors.StorageDaemonFailed, () => daemon.CloseAsync(CancellationToken.None));
        Assert.Contains("137", failure.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task BitmapsThatCannotBeStoredAreAnErrorAtTheClose()
    {
        Tool.Require("qemu-storage-daemon", "qemu-img");
        using var scratch = new ScratchDirectory();
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", scratch["a"], "16M");
        await using StorageDaemon daemon = await StorageDaemon.StartAsync(scratch["r"], CancellationToken.None);
        // The file below the image refuses every write.
        await daemon.Qmp.BlockdevAddAsync(
            JsonNode.Parse($$$"""{"driver":"qcow2","node-name":"d","file":{"driver":"blkdebug","inject-error":[{"event":"none","iotype":"write","errno":28} ],"image":{"driver":"file","filename":"{{{scratch["a"]}}}" } } }""")!.AsObject(),
            CancellationToken.None);
        await daemon.Qmp.BitmapAddAsync("d", "b", persistent: true, granularity: null, disabled: false, CancellationToken.None);
        MomentException failure = await Expect.FailsAsync(MachineErrors.StorageDaemonFailed, () => daemon.CloseAsync(CancellationToken.None));
        Assert.Contains("No space left", failure.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task ACancelledStartLeavesNoProcess()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => StorageDaemon.StartAsync(scratch["r"], cancelled.Token));
        Assert.DoesNotContain(HostProcess.All(), process => process.CommandLine.Any(argument => argument.Contains(scratch.Path, StringComparison.Ordinal)));
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch["r"]));
    }

    [SkippableFact]
    public async Task OrphansAreEndedAndTheirImagesClosed()
    {
        Tool.Require("qemu-storage-daemon", "qemu-img", "setsid");
        using var scratch = new ScratchDirectory();
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", scratch["a"], "16M");
        Tool.Run("qemu-img", "bitmap", "--add", scratch["a"], "b");
        Directory.CreateDirectory(scratch["r"]);
        // A shell starts it just as we do, and dies.
        using Process starter = Process.Start(new ProcessStartInfo("sh", ["-c", $"setsid qemu-storage-daemon --blockdev driver=qcow2,node-name=d,file.driver=file,file.filename={scratch["a"]} --chardev socket,id=m,path={scratch["r"]}/sd-$$-0123abcd,server=on,wait=off --monitor chardev=m & sleep 60"]))!;
        HostProcess daemon = await FindDaemonAsync(scratch["r"]);
        Assert.Equal(0, await StorageDaemon.EndOrphansAsync(scratch["r"], CancellationToken.None));
        Assert.True(daemon.IsAlive);
        starter.Kill();
        await starter.WaitForExitAsync();
        Assert.Equal(1, await StorageDaemon.EndOrphansAsync(scratch["r"], CancellationToken.None));
        Assert.False(daemon.IsAlive);
        Assert.DoesNotContain("in-use", Tool.Run("qemu-img", "info", scratch["a"]), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task ADaemonInUseIsNoOrphan()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        await using StorageDaemon daemon = await StorageDaemon.StartAsync(scratch["r"], CancellationToken.None);
        Assert.Equal(0, await StorageDaemon.EndOrphansAsync(scratch["r"], CancellationToken.None));
        await daemon.CloseAsync(CancellationToken.None);
    }

    [SkippableFact]
    public async Task ASocketPathThatIsTooLongIsSaid()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        await Expect.FailsAsync(QmpErrors.QmpAddressInvalid, () => StorageDaemon.StartAsync(scratch[new string('r', 100)], CancellationToken.None));
    }

    private static async Task<HostProcess> FindDaemonAsync(string directory)
    {
        for (int look = 0; look < 12_000; look++)
        {
            if (HostProcess.All().FirstOrDefault(process => process.Name.StartsWith("qemu-storage", StringComparison.Ordinal) && process.CommandLine.Any(argument => argument.Contains(directory + "/sd-", StringComparison.Ordinal))) is { } found && File.Exists(Directory.EnumerateFileSystemEntries(directory).FirstOrDefault()))
                return found;
            await Task.Delay(5);
        }

        throw new InvalidOperationException("The daemon did not start.");
    }
}
