using System.Text.Json;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>
/// A snapshot that is being taken is killed at each of its steps: our process, and separately QEMU. Whatever became of it, the guest's disk
/// is what it was and takes what is written next, the tracking is never too small, and no file is left that nothing names.
/// </summary>
[Trait("Proof", "crash")]
public sealed class SnapshotCrashTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData("snapshot", true)]
    [InlineData("snapshot", false)]
    [InlineData("snapshot-memory", true)]
    [InlineData("snapshot-halt", true)]
    [InlineData("snapshot-internal", true)]
    [InlineData("snapshot-internal", false)]
    [InlineData("snapshot-internal-memory", true)]
    public async Task AProcessKilledAtAnyStepLosesNothing(string operation, bool running)
    {
        int made = 0;
        await CrashHarness.RunAsync(output, $"{operation}, {(running ? "running" : "stopped")}", async (step, where) =>
        {
            await using TestMachine machine = await PrepareAsync(running);
            if (!machine.Dies(step, operation, "new"))
                return false;

            if (await AssertSoundAsync(machine, where, lost: false))
                made++;
            return true;
        });
    }

    [SkippableTheory]
    [InlineData("snapshot")]
    [InlineData("snapshot-memory")]
    [InlineData("snapshot-internal")]
    public async Task AQemuKilledAtAnyStepLosesNothingSilently(string operation)
    {
        await CrashHarness.RunAsync(output, $"{operation}, QEMU killed", async (step, where) =>
        {
            var killer = new StepKiller(step);
            await using TestMachine machine = await PrepareAsync(running: true, killer.Probe);
            if (!await machine.LosesQemuAsync(killer, operation, "new", where))
                return false;

            await machine.StartAsync();
            await AssertSoundAsync(machine, where, lost: true);
            return true;
        });
    }

    private static async Task<TestMachine> PrepareAsync(bool running, Action<string>? probe = null)
    {
        // vdc has no past: it is tracked from the snapshot on.
        TestMachine machine = await TestMachine.CreateAsync(probe, "vda", "vdb", "vdc");
        if (running)
            await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("base", "vda", "vdb");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.WriteAsync("vdc", 2, 3 * Grain, Grain);
        await machine.IoAsync("vda", "flush");
        await machine.IoAsync("vdc", "flush");
        return machine;
    }

    // Whether the snapshot is there.
    private static async Task<bool> AssertSoundAsync(TestMachine machine, string where, bool lost)
    {
        // The next changing command finishes or undoes.
        await machine.CheckpointAsync("after");
        bool running = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State != VMState.Stopped;
        if (running)
        {
            JsonElement status = await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-status", null, CancellationToken.None);
            // After a halt that was interrupted it stands still, at the snapshot.
            Assert.True(lost || status.GetProperty("running").GetBoolean() || where.Contains("halt", StringComparison.Ordinal), $"{where}: {status}");
            await machine.AssertNothingInQemuAsync(where, nodes: false);
        }

        await machine.WriteAsync("vda", 4, 8 * Grain, Grain);
        IReadOnlyList<VMMoment> moments = await machine.MomentsAsync();
        var taken = moments.OfType<VMSnapshot>().SingleOrDefault(moment => moment.Name == "new");
        if (!lost)
            Assert.All(moments, moment => Assert.True(moment.Health == "OK", $"{where}: {moment.Name}: {moment.Health}"));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
        await machine.AssertChangesAsync("base", [(2 * Grain, Grain), (8 * Grain, Grain)], lost, where);
        await machine.AssertChangesAsync("after", [(8 * Grain, Grain)], false, where);
        if (taken is not null)
            await machine.AssertChangesAsync("new", [(8 * Grain, Grain)], lost, where);
        if (!lost)
            Assert.Empty(await machine.TestAsync());
        if (running)
            await machine.StopAsync();

        byte[] then = TestMachine.Holding((0, 1), (2, 2));
        string active = await machine.ActivePathAsync("vda");
        Assert.True(machine.Content(active).AsSpan().SequenceEqual(TestMachine.Holding((0, 1), (2, 2), (8, 4))), $"{where}: the guest's disk differs");
        Assert.True(machine.Content(await machine.ActivePathAsync("vdc")).AsSpan().SequenceEqual(TestMachine.Holding((3, 2))), $"{where}: the guest's third disk differs");
        if (active != machine.DiskPath("vda"))
            Assert.True(machine.Content(machine.DiskPath("vda")).AsSpan().SequenceEqual(then), $"{where}: the frozen layer differs");
        if (taken is { Location: "Internal" })
            Assert.True(machine.Content(machine.DiskPath("vda"), "new").AsSpan().SequenceEqual(then), $"{where}: the internal snapshot differs");
        else
            Assert.DoesNotContain("new", Tool.Run("qemu-img", "snapshot", "-l", machine.DiskPath("vda")), StringComparison.Ordinal);

        // Each file is named by something.
        HashSet<string> named = [taken?.Memory ?? ""];
        foreach (string disk in machine.Disks)
        {
            named.Add(machine.DiskPath(disk));
            named.Add(await machine.ActivePathAsync(disk));
        }

        Assert.All(Directory.EnumerateFiles(machine.Scratch), file => Assert.True(named.Contains(file), $"{where}: '{file}' is left"));
        return taken is not null;
    }
}
