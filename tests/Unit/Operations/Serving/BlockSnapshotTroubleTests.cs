using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations.Serving;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Block snapshots that QEMU does not make, or that somebody still reads: nothing of them is left, and nothing is taken away.</summary>
public sealed class BlockSnapshotTroubleTests
{
    [SkippableFact]
    public async Task OneThatIsExportedStays()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        await fleece.NewAsync("tonight");
        VMBlockExport export = (await machine.Engine.StartBlockExportAsync(TestMachine.Name, new StartBlockExportRequest { Snapshot = "tonight", Disks = ["vda"] }, machine.Report, CancellationToken.None))[0];
        MomentException failure = await Untouched.RefusedAsync(machine, () => fleece.RemoveAsync("tonight"), BlockSnapshotErrors.BlockSnapshotExported, "'tonight'", $"'{export.ExportName}'");
        Assert.Contains($"Stop-VMBlockExport '{TestMachine.Name}' -ExportName '{export.ExportName}'", failure.Advice, StringComparison.Ordinal);
        await fleece.GetAsync("tonight");
    }

    [SkippableFact]
    public async Task AScratchFileThatVanishesIsNamedAndAllIsUndone()
    {
        string scratch = "";
        await using FleeceMachine fleece = await FleeceMachine.StartAsync(step =>
        {
            if (step == $"{BlockSnapshotCreation.Operation}:extended")
                File.Delete(scratch);
        });
        string before = await fleece.CountAsync();
        scratch = Path.Combine(fleece.Machine.Scratch, "scratch.qcow2");
        MomentException failure = await Assert.ThrowsAsync<MomentException>(
            () => fleece.NewAsync("tonight", request => request with { Scratch = new Dictionary<string, string>(StringComparer.Ordinal) { ["vdb"] = scratch } }));
        Assert.Equal(BlockSnapshotErrors.ScratchImpossible, failure.ErrorId);
        Assert.Contains($"'{scratch}'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("No such file or directory", failure.Message, StringComparison.Ordinal);
        Assert.Equal(before, await fleece.CountAsync());
        await fleece.NewAsync("later");
    }

    [SkippableFact]
    public async Task WhereFilterAndJobAreRefusedNothingIsLeft()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        Tool.Run(
            "qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35", "-accel", "tcg", "-m", "64", "-daemonize", "-pidfile", In(machine, "pid"), "-qmp", $"unix:{In(machine, "q")},server=on,wait=off",
            "-blockdev", Node(machine, "vda"), "-device", "virtio-blk-pci,drive=vda,id=v0,share-rw=on", "-blockdev", Node(machine, "vdb"), "-device", "virtio-blk-pci,drive=vdb,id=v1,share-rw=on");
        try
        {
            MomentEngine engine = machine.Engine;
            await engine.RegisterDomainAsync(new RegisterDomainRequest { Name = "guest", Monitor = "unix:" + In(machine, "q") }, machine.Report, CancellationToken.None);
            await QmpAsync("nbd-server-start", JsonSerializer.Serialize(new { addr = new { type = "unix", data = new { path = In(machine, "n") } } }));
            await ServeAsync("vda");
            // The second disk gets its other writer when the first one's filter has been refused.
            var report = new WarnedReport(() => ServeAsync("vdb").GetAwaiter().GetResult());

            MomentException failure = await Assert.ThrowsAsync<MomentException>(
                () => engine.CreateBlockSnapshotAsync("guest", new CreateBlockSnapshotRequest { Name = "tonight" }, report, CancellationToken.None));

            Assert.Equal(BlockSnapshotErrors.BlockSnapshotRefused, failure.ErrorId);
            Assert.Contains("'tonight' of 'guest'", failure.Message, StringComparison.Ordinal);
            Assert.Contains("undone", failure.Advice, StringComparison.Ordinal);
            Assert.Empty(await engine.GetBlockSnapshotsAsync("guest", machine.Report, CancellationToken.None));
            Assert.Equal(0, (await engine.InvokeQmpAsync("guest", "query-jobs", null, CancellationToken.None)).GetArrayLength());
            Assert.DoesNotContain("mt-bs-", (await engine.InvokeQmpAsync("guest", "query-named-block-nodes", """{"flat":true}""", CancellationToken.None)).GetRawText(), StringComparison.Ordinal);
            Assert.DoesNotContain(Directory.EnumerateFiles(machine.Scratch), path => path.Contains("tonight", StringComparison.Ordinal));

            Task ServeAsync(string disk) => QmpAsync("block-export-add", $$"""{"type":"nbd","id":"{{disk}}","node-name":"{{disk}}","name":"{{disk}}","writable":true}""");

            Task QmpAsync(string command, string arguments) => engine.InvokeQmpAsync("guest", command, arguments, CancellationToken.None);
        }
        finally
        {
            using var qemu = System.Diagnostics.Process.GetProcessById(int.Parse(File.ReadAllText(In(machine, "pid")), System.Globalization.CultureInfo.InvariantCulture));
            qemu.Kill();
            await qemu.WaitForExitAsync();
        }
    }

    private static string In(TestMachine machine, string name) => Path.Combine(machine.Scratch, name);

    private static string Node(TestMachine machine, string disk) => $$"""{"driver":"qcow2","node-name":"{{disk}}","file":{"driver":"file","filename":"{{machine.DiskPath(disk)}}" } }""";

    private sealed class WarnedReport(Action warned) : IOperationReport
    {
        public void Warning(string text) => warned();

        public void Verbose(string text)
        {
        }

        public void Progress(OperationProgress progress)
        {
        }

        public void Failure(MomentException failure) => throw failure;
    }
}
