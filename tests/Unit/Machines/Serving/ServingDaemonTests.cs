using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines.Serving;

public sealed class ServingDaemonTests
{
    [SkippableFact]
    public async Task ItOutlivesItsStarterAndIsFoundAgain()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        ServingProcess process;
        await using (ServingDaemon daemon = await ServingDaemon.StartAsync(scratch["r"], "a1", CancellationToken.None))
        {
            process = daemon.Process;
            await daemon.Qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "null-co", ["node-name"] = "n" }, CancellationToken.None);
        }

        Assert.Equal(ServingDaemon.SocketOf(scratch["r"], "a1"), process.Socket);
        Assert.NotEqual(Environment.ProcessId, HostProcess.Find(process.ProcessId)!.ParentId);
        // A session of its own: what is typed at the prompt does not reach it.
        Assert.NotEqual(SessionOf(Environment.ProcessId), SessionOf(process.ProcessId));
        await using ServingDaemon found = (await ServingDaemon.FindAsync(process, CancellationToken.None))!;
        // One monitor is taken; questions have their own.
        await using ServingDaemon read = (await ServingDaemon.FindAsync(process, CancellationToken.None, BlockAccess.Read))!;
        Assert.Equal("n", Assert.Single(await read.Qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).NodeName);
        await found.EndAsync();
        Assert.Null(HostProcess.Find(process.ProcessId));
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch["r"]));
        Assert.Null(await ServingDaemon.FindAsync(process, CancellationToken.None));
    }

    [SkippableFact]
    public async Task ItIsNoOrphan()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        await using ServingDaemon daemon = await ServingDaemon.StartAsync(scratch["r"], "a1", CancellationToken.None);
        Assert.Equal(0, await StorageDaemon.EndOrphansAsync(scratch["r"], CancellationToken.None));
        Assert.True(ServingDaemon.IsAlive(daemon.Process));
        await daemon.EndAsync();
    }

    [SkippableFact]
    public async Task AnotherProcessWithItsIdIsNotTakenForIt()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        await using ServingDaemon daemon = await ServingDaemon.StartAsync(scratch["r"], "a1", CancellationToken.None);
        ServingProcess real = daemon.Process;
        ServingProcess[] others =
        [
            real with { StartedAt = real.StartedAt + 1 },
            real with { Socket = ServingDaemon.SocketOf(scratch["r"], "a2") },
            new(Environment.ProcessId, HostProcess.Find(Environment.ProcessId)!.StartTime, real.Socket + "x"),
        ];
        foreach (ServingProcess other in others)
        {
            Assert.False(ServingDaemon.IsAlive(other));
            Assert.Null(await ServingDaemon.FindAsync(other, CancellationToken.None));
            await ServingDaemon.EndAsync(other with { Socket = other.Socket == real.Socket ? scratch["none"] : other.Socket }, CancellationToken.None);
        }

        Assert.True(ServingDaemon.IsAlive(real));
        await daemon.EndAsync();
    }

    [SkippableFact]
    public async Task OneThatWasKilledLeavesNoSocket()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        await using ServingDaemon daemon = await ServingDaemon.StartAsync(scratch["r"], "a1", CancellationToken.None);
        HostProcess process = HostProcess.Find(daemon.Process.ProcessId)!;
        process.Signal(HostProcess.Kill);
        await process.EndsWithinAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        Assert.NotEmpty(Directory.EnumerateFileSystemEntries(scratch["r"]));
        Assert.Null(await ServingDaemon.FindAsync(daemon.Process, CancellationToken.None));
        await ServingDaemon.EndAsync(daemon.Process, CancellationToken.None);
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch["r"]));
        // Again, and nothing is wrong with that.
        await ServingDaemon.EndAsync(daemon.Process, CancellationToken.None);
    }

    [SkippableFact]
    public async Task OneWithoutARecordIsEndedByItsId()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        await using ServingDaemon lost = await ServingDaemon.StartAsync(scratch["r"], "a1", CancellationToken.None);
        await using ServingDaemon other = await ServingDaemon.StartAsync(scratch["r"], "a12", CancellationToken.None);
        await ServingDaemon.EndUnrecordedAsync(scratch["r"], "a1", CancellationToken.None);
        Assert.False(ServingDaemon.IsAlive(lost.Process));
        Assert.True(ServingDaemon.IsAlive(other.Process));
        await ServingDaemon.EndUnrecordedAsync(scratch["r"], "a1", CancellationToken.None);
        await other.EndAsync();
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch["r"]));
    }

    [SkippableFact]
    public async Task TheEndClosesItsImages()
    {
        Tool.Require("qemu-storage-daemon", "qemu-img");
        using var scratch = new ScratchDirectory();
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", scratch["a"], "16M");
        await using ServingDaemon daemon = await ServingDaemon.StartAsync(scratch["r"], "a1", CancellationToken.None);
        await daemon.Qmp.BlockdevAddAsync(
            JsonNode.Parse($$$"""{"driver":"qcow2","node-name":"d","file":{"driver":"file","filename":"{{{scratch["a"]}}}"} }""")!.AsObject(), CancellationToken.None);
        await daemon.Qmp.BitmapAddAsync("d", "b", persistent: true, granularity: null, disabled: true, CancellationToken.None);
        await daemon.EndAsync();
        Assert.Contains("name: b", Tool.Run("qemu-img", "info", scratch["a"]), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task ACancelledStartLeavesNothing()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ServingDaemon.StartAsync(scratch["r"], "a1", cancelled.Token));
        Assert.False(Directory.Exists(scratch["r"]));
    }

    [SkippableFact]
    public async Task AStartThatFailsSaysWhyAndLeavesNothing()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        Directory.CreateDirectory(scratch["r"]);
        File.CreateSymbolicLink(ServingDaemon.SocketOf(scratch["r"], "a1") + ".pid", scratch["missing/pid"]);
        MomentException failure = await Expect.FailsAsync(MachineErrors.StorageDaemonFailed, () => ServingDaemon.StartAsync(scratch["r"], "a1", CancellationToken.None));
        Assert.Contains("PID file", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch["r"]));
        Assert.DoesNotContain(HostProcess.All(), process => process.CommandLine.Any(argument => argument.Contains(scratch.Path, StringComparison.Ordinal)));
    }

    [SkippableFact]
    public async Task ASocketPathThatIsTooLongIsSaid()
    {
        Tool.Require("qemu-storage-daemon");
        using var scratch = new ScratchDirectory();
        await Expect.FailsAsync(QmpErrors.QmpAddressInvalid, () => ServingDaemon.StartAsync(scratch[new string('r', 100)], "a1", CancellationToken.None));
    }

    // proc(5), /proc/pid/stat field 6.
    private static string SessionOf(int id)
    {
        string stat = File.ReadAllText($"/proc/{id}/stat");
        return stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[3];
    }
}
