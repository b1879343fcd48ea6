using System.Globalization;
using MomentTools.Errors;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>
/// Starting and stopping exports, killed at each step: the process that does it, QEMU, the storage daemons. The next command puts all in
/// order: an export is whole or not there, and when none is there, nothing of one is.
/// </summary>
public sealed class ExportCrashTests(ITestOutputHelper output)
{
    private const int MostSteps = 120;

    [SkippableTheory]
    [InlineData("export-own", "")]
    [InlineData("export-snapshot", "")]
    [InlineData("export-snapshot", "tcp://127.0.0.1:0")]
    [InlineData("export-stopped", "")]
    [InlineData("export-stopped", "tcp://127.0.0.1:0")]
    [InlineData("export-writable", "")]
    [InlineData("export-own", "", true)]
    [InlineData("export-snapshot", "tcp://127.0.0.1:0", true)]
    [InlineData("export-writable", "tcp://127.0.0.1:0", true)]
    public async Task AProcessKilledAtAnyStepLeavesAllOrNothing(string kind, string address, bool stops = false)
    {
        for (int step = 1; step <= MostSteps; step++)
        {
            await using ExportMachine machine = await PrepareAsync(kind);
            string before = await machine.TracesAsync(), where = $"step {step} of {kind} {address}{(stops ? ", stopped" : "")}";
            if (stops)
                await RunAsync(machine, kind, address);
            (int exit, _, string error) = Tool.TryRun(
                "dotnet", Path.Combine(AppContext.BaseDirectory, "MomentTools.CrashRunner.dll"), Path.Combine(machine.Machine.Scratch, "state"), Path.Combine(machine.Machine.Scratch, "run"),
                TestMachine.Name, step.ToString(CultureInfo.InvariantCulture), stops ? "export-stop" : kind, address);
            Assert.True(exit is 0 or 137, $"{where}: ended with {exit}: {error}");
            await machine.ChangeAsync("base");
            IReadOnlyList<VMBlockExport> exports = await machine.ExportsAsync();
            if (exports.Count == 0)
                Assert.True(before == await machine.TracesAsync(), $"{where}:\nbefore:\n{before}\nafter:\n{await machine.TracesAsync()}");
            foreach (VMBlockExport export in exports)
            {
                Assert.True(export.State == VMServiceState.Ready, $"{where}: {export.Reason}");
                Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(machine.Bytes()), where);
                Assert.True(export.Context is null || ExportMachine.Dirty(export).SetEquals(machine.Written), where);
            }

            await machine.StopAsync();
            Assert.Equal(before, await machine.TracesAsync());
            await AssertTrackedAsync(machine, where);
            if (exit == 0)
            {
                Assert.Equal(stops ? 0 : 1, exports.Count);
                output.WriteLine($"{kind} {address}{(stops ? ", stopped" : "")}: killed at {step - 1} steps");
                return;
            }
        }

        Assert.Fail("The operation has no end.");
    }

    [SkippableTheory]
    [InlineData("export-own", "", false)]
    [InlineData("export-snapshot", "tcp://127.0.0.1:0", false)]
    [InlineData("export-snapshot", "tcp://127.0.0.1:0", true)]
    public async Task AQemuKilledAtAnyStepLeavesNothing(string kind, string address, bool stops)
    {
        for (int step = 1; step <= MostSteps; step++)
        {
            int at = 0, qemu = 0;
            bool killed = false;
            await using ExportMachine machine = await PrepareAsync(kind, _ =>
            {
                if (qemu == 0 || ++at != step)
                    return;
                ExportMachine.Kill(qemu);
                killed = true;
            });
            if (stops)
                await RunAsync(machine, kind, address);
            qemu = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Machine.Report, CancellationToken.None)).ProcessId!.Value;
            await TryAsync(() => RunAsync(machine, stops ? "export-stop" : kind, address), () => killed, $"step {step} of {kind}");
            qemu = 0;
            if (!killed)
            {
                output.WriteLine($"{kind} {address}{(stops ? ", stopped" : "")}: QEMU killed at {step - 1} steps");
                return;
            }

            await machine.Machine.StartAsync();
            await machine.ChangeAsync("base");
            Assert.Empty(await machine.ExportsAsync());
            Assert.Empty(machine.Daemons());
            string traces = await machine.TracesAsync();
            Assert.False(traces.Contains("mt-e-", StringComparison.Ordinal) || traces.Contains("mt-bs-", StringComparison.Ordinal) || traces.Contains("scratch.qcow2", StringComparison.Ordinal) || traces.Contains("/mt-", StringComparison.Ordinal), $"step {step} of {kind}: {traces}");
        }

        Assert.Fail("The operation has no end.");
    }

    [SkippableTheory]
    [InlineData("export-snapshot", "tcp://127.0.0.1:0", false)]
    [InlineData("export-stopped", "tcp://127.0.0.1:0", false)]
    [InlineData("export-writable", "", false)]
    [InlineData("export-stopped", "tcp://127.0.0.1:0", true)]
    public async Task DaemonsKilledAtAnyStepLeaveNothing(string kind, string address, bool stops)
    {
        for (int step = 1; step <= MostSteps; step++)
        {
            int at = 0;
            bool armed = false, reached = false;
            ExportMachine? prepared = null;
            await using ExportMachine machine = prepared = await PrepareAsync(kind, _ =>
            {
                if (!armed || ++at != step)
                    return;
                foreach (int daemon in prepared!.Daemons())
                    ExportMachine.Kill(daemon);
                reached = true;
            });
            string before = await machine.TracesAsync(), where = $"step {step} of {kind} {address}";
            if (stops)
                await RunAsync(machine, kind, address);
            armed = true;
            await TryAsync(() => RunAsync(machine, stops ? "export-stop" : kind, address), () => reached, where);
            armed = false;
            await machine.ChangeAsync("base");
            if (!reached)
            {
                output.WriteLine($"{kind} {address}{(stops ? ", stopped" : "")}: daemons killed at {step - 1} steps");
                return;
            }

            foreach (VMBlockExport export in await machine.ExportsAsync())
                Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(machine.Bytes()), where);
            await machine.StopAsync();
            Assert.Equal(before, await machine.TracesAsync());
        }

        Assert.Fail("The operation has no end.");
    }

    private static Task RunAsync(ExportMachine machine, string operation, string address) =>
        CrashRunner.CrashedExports.RunAsync(machine.Engine, TestMachine.Name, operation, address, machine.Machine.Report);

    private static async Task TryAsync(Func<Task> run, Func<bool> killed, string where)
    {
        try
        {
            await run();
        }
        catch (MomentException failure)
        {
            Assert.True(killed(), $"{where}: {failure}");
        }
    }

    private static async Task<ExportMachine> PrepareAsync(string kind, Action<string>? probe = null)
    {
        ExportMachine machine = await ExportMachine.CreateAsync(kind is "export-own" or "export-snapshot", probe);
        await machine.Machine.CheckpointAsync("base");
        machine.Written = await machine.WriteAsync(3);
        if (kind == "export-snapshot")
            await machine.BlockSnapshotAsync("now");
        await machine.ChangeAsync("base");
        return machine;
    }

    private static async Task AssertTrackedAsync(ExportMachine machine, string where)
    {
        IReadOnlyList<(long Offset, long Length)> changes = await machine.Machine.ChangesAsync("base");
        HashSet<long> blocks = [.. changes.SelectMany(run => Enumerable.Range((int)(run.Offset / ExportMachine.Grain), (int)((run.Length + ExportMachine.Grain - 1) / ExportMachine.Grain))).Select(block => (long)block)];
        Assert.True(blocks.SetEquals(machine.Written), where);
    }
}
