using MomentTools.Errors;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>
/// Starting and stopping exports, killed at each step: the process that does it, QEMU, the storage daemons. The next command puts all in
/// order: an export is whole or not there, and when none is there, nothing of one is.
/// </summary>
[Trait("Proof", "crash")]
public sealed class ExportCrashTests(ITestOutputHelper output)
{

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
        await CrashHarness.RunAsync(output, $"{kind} {address}{(stops ? ", stopped" : "")}", async (step, where) =>
        {
            await using ExportMachine machine = await PrepareAsync(kind);
            string before = await machine.TracesAsync();
            if (stops)
                await RunAsync(machine, kind, address);
            bool died = machine.Machine.Dies(step, stops ? "export-stop" : kind, address);
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
            Assert.True(died || exports.Count == (stops ? 0 : 1), where);
            return died;
        });
    }

    [SkippableTheory]
    [InlineData("export-own", "", false)]
    [InlineData("export-snapshot", "tcp://127.0.0.1:0", false)]
    [InlineData("export-snapshot", "tcp://127.0.0.1:0", true)]
    public async Task AQemuKilledAtAnyStepLeavesNothing(string kind, string address, bool stops)
    {
        await CrashHarness.RunAsync(output, $"{kind} {address}{(stops ? ", stopped" : "")}, QEMU killed", async (step, where) =>
        {
            var killer = new StepKiller(step);
            await using ExportMachine machine = await PrepareAsync(kind, killer.Probe);
            if (stops)
                await RunAsync(machine, kind, address);
            int process = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Machine.Report, CancellationToken.None)).ProcessId!.Value;
            if (!await killer.KillsAsync(process, () => RunAsync(machine, stops ? "export-stop" : kind, address), where))
                return false;

            await machine.Machine.StartAsync();
            await machine.ChangeAsync("base");
            Assert.Empty(await machine.ExportsAsync());
            Assert.Empty(machine.Daemons());
            string traces = await machine.TracesAsync();
            Assert.False(traces.Contains("mt-e-", StringComparison.Ordinal) || traces.Contains("mt-bs-", StringComparison.Ordinal) || traces.Contains("scratch.qcow2", StringComparison.Ordinal) || traces.Contains("/mt-", StringComparison.Ordinal), $"{where}: {traces}");
            return true;
        });
    }

    [SkippableTheory]
    [InlineData("export-snapshot", "tcp://127.0.0.1:0", false)]
    [InlineData("export-stopped", "tcp://127.0.0.1:0", false)]
    [InlineData("export-writable", "", false)]
    [InlineData("export-stopped", "tcp://127.0.0.1:0", true)]
    public async Task DaemonsKilledAtAnyStepLeaveNothing(string kind, string address, bool stops)
    {
        await CrashHarness.RunAsync(output, $"{kind} {address}{(stops ? ", stopped" : "")}, daemons killed", async (step, where) =>
        {
            int at = 0;
            bool armed = false, reached = false;
            ExportMachine? prepared = null;
            await using ExportMachine machine = prepared = await PrepareAsync(kind, _ =>
            {
                if (!armed || ++at != step)
                    return;
                foreach (int daemon in prepared!.Daemons())
                    Victim.KillAsync(daemon).GetAwaiter().GetResult();
                reached = true;
            });
            string before = await machine.TracesAsync();
            if (stops)
                await RunAsync(machine, kind, address);
            armed = true;
            await TryAsync(() => RunAsync(machine, stops ? "export-stop" : kind, address), () => reached, where);
            armed = false;
            await machine.ChangeAsync("base");
            if (!reached)
                return false;

            foreach (VMBlockExport export in await machine.ExportsAsync())
                Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(machine.Bytes()), where);
            await machine.StopAsync();
            Assert.Equal(before, await machine.TracesAsync());
            return true;
        });
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
