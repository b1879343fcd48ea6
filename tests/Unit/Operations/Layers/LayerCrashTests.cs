using MomentTools.Errors;
using MomentTools.Machines;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Layers;

/// <summary>Removing and merging snapshots, killed at each step: our process, and separately QEMU. Then the next command goes on, and nothing was lost.</summary>
[Trait("Proof", "crash")]
public sealed class LayerCrashTests(ITestOutputHelper output)
{

    [SkippableTheory]
    [InlineData("remove-snapshot", "two", false)]
    [InlineData("remove-snapshot", "three", true)]
    [InlineData("remove-snapshot", "two", true)]
    [InlineData("merge-snapshot", "three", false)]
    public async Task AProcessKilledAtAnyStepLosesNothing(string operation, string argument, bool running)
    {
        await CrashHarness.RunAsync(output, $"{operation} {argument}, {(running ? "running" : "stopped")}", async (step, where) =>
        {
            await using LayerMachine machine = await PrepareAsync(running, fork: operation == "merge-snapshot");
            if (!machine.Machine.Dies(step, operation, argument))
                return false;
            await GoOnAsync(machine, where, mayBeUnknown: false);
            return true;
        });
    }

    [SkippableTheory]
    [InlineData("three")]
    [InlineData("two")]
    public async Task AQemuKilledAtAnyStepLosesNothingThatWasFlushed(string name)
    {
        await CrashHarness.RunAsync(output, $"remove-snapshot {name}, QEMU killed", async (step, where) =>
        {
            var killer = new StepKiller(step);
            await using LayerMachine machine = await PrepareAsync(running: true, fork: false, killer.Probe);
            await machine.Machine.IoAsync(LayerMachine.Disk, "flush");
            var request = new RemoveSnapshotRequest { Name = name, UndoFor = TimeSpan.Zero };
            if (!await killer.KillsAsync(
                MachineProbe.ProcessOf(machine.Place)!.Id, () => machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, request, machine.Machine.Report, CancellationToken.None), where))
                return false;
            await GoOnAsync(machine, where, mayBeUnknown: true);
            return true;
        });
    }

    private static async Task GoOnAsync(LayerMachine machine, string where, bool mayBeUnknown)
    {
        try
        {
            await machine.CollectAsync();
            await machine.AssertSoundAsync(where, mayBeUnknown);
            await machine.WriteAsync(77, 50);
            await machine.CheckpointAsync("after");
            await machine.WriteAsync(78, 51);
            await machine.AssertSoundAsync($"{where}, later", mayBeUnknown);
        }
        catch (MomentException failure)
        {
            Assert.Fail($"{where}: {failure}");
        }
    }

    private static async Task<LayerMachine> PrepareAsync(bool running, bool fork, Action<string>? probe = null)
    {
        LayerMachine machine = await LayerMachine.CreateAsync(probe);
        await machine.WriteAsync(1, 0, 8);
        await machine.CheckpointAsync("first");
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(2, 4, 8);
        await machine.SnapshotAsync("two");
        await machine.WriteAsync(3, 8, 8);
        await machine.SnapshotAsync("three");
        await machine.WriteAsync(4, 12, 8);
        if (fork)
        {
            await machine.ForkAsync("three", "main", "other");
            await machine.WriteAsync(5, 13, 8);
        }

        if (running)
            await machine.Machine.StartAsync();
        await machine.CheckpointAsync("last");
        await machine.WriteAsync(6, 20, 4);
        return machine;
    }
}
