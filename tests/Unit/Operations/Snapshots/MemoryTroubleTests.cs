using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>A memory that cannot be saved, and layers that cannot be made: in QEMU's words, with what they are about.</summary>
public sealed class MemoryTroubleTests
{
    [SkippableFact]
    public async Task AMigrationOfSomebodyElsesIsLeftToIt()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        // One that stands still has sent all it has before anybody looks.
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        await QmpAsync(machine, "migrate-set-parameters", new JsonObject { ["max-bandwidth"] = 10_000 });
        await QmpAsync(machine, "migrate", new JsonObject { ["uri"] = "exec:cat > /dev/null" });

        MomentException failure = await Expect.FailsAsync(SnapshotCreationErrors.MigrationActive, () => machine.SnapshotAsync("memory"));

        Assert.Contains("migrate_cancel", failure.Advice, StringComparison.Ordinal);
        Assert.Empty(await machine.MomentsAsync());
        await QmpAsync(machine, "migrate_cancel", []);
        while ((await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-migrate", null, CancellationToken.None)).GetProperty("status").GetString() != "cancelled")
            await Task.Delay(5);
        await machine.SnapshotAsync("memory");
    }

    [Fact]
    public async Task ALineThatEndsBeforeTheMemoryCameIsSaid()
    {
        using var scratch = new ScratchDirectory();
        await using FileStream file = File.Create(scratch["memory"]);
        MemoryReceiver receiver = MemoryReceiver.Listen(scratch["run"], file.SafeFileHandle, file.Name);
        await receiver.DisposeAsync();
        MomentException failure = await Expect.FailsAsync(SnapshotCreationErrors.MemoryNotSaved, receiver.CompleteAsync);
        Assert.Contains($"'{file.Name}'", failure.Message, StringComparison.Ordinal);
        Assert.Equal(file.Name, failure.Target);
        Assert.Empty(Directory.EnumerateFiles(scratch["run"]));
    }

    [SkippableFact]
    public async Task ALayerWhoseFileIsGoneIsNotMade()
    {
        Tool.Require("qemu-storage-daemon", "qemu-img");
        using var scratch = new ScratchDirectory();
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", scratch["base"], "1M");
        string path = scratch["gone/layer.qcow2"];
        await using StorageDaemon daemon = await StorageDaemon.StartAsync(scratch["run"], CancellationToken.None);
        MomentException failure = await Expect.FailsAsync(
            SnapshotCreationErrors.OverlayImpossible,
            () => OverlayFile.FormatAsync(new MomentTools.Qmp.QmpJobs(daemon.Qmp), "mt-x", path, scratch["base"], "qcow2", 1 << 20, CancellationToken.None));
        Assert.Contains($"'{path}'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("No such file or directory", failure.Message, StringComparison.Ordinal);
    }

    private static Task<JsonElement> QmpAsync(TestMachine machine, string command, JsonObject arguments) =>
        machine.Engine.InvokeQmpAsync(TestMachine.Name, command, arguments.ToJsonString(), CancellationToken.None);
}
