using System.Diagnostics;
using System.Globalization;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Layers;

/// <summary>Removing and merging snapshots, killed at each step: our process, and separately QEMU. Then the next command goes on, and nothing was lost.</summary>
public sealed class LayerCrashTests(ITestOutputHelper output)
{
    private const int MostSteps = 200;

    [SkippableTheory]
    [InlineData("remove-snapshot", "two", false)]
    [InlineData("remove-snapshot", "three", true)]
    [InlineData("remove-snapshot", "two", true)]
    [InlineData("merge-snapshot", "three", false)]
    public async Task AProcessKilledAtAnyStepLosesNothing(string operation, string argument, bool running)
    {
        for (int step = CrashSteps.First; step <= MostSteps; step = CrashSteps.After(step))
        {
            await using LayerMachine machine = await PrepareAsync(running, fork: operation == "merge-snapshot");
            (int exit, _, string error) = Tool.TryRun(
                "dotnet", Path.Combine(AppContext.BaseDirectory, "MomentTools.CrashRunner.dll"), Path.Combine(machine.Machine.Scratch, "state"), Path.Combine(machine.Machine.Scratch, "run"),
                TestMachine.Name, step.ToString(CultureInfo.InvariantCulture), operation, argument);
            if (exit == 0)
            {
                output.WriteLine($"{operation} {argument}, {(running ? "running" : "stopped")}: {CrashSteps.Tried(step)} points of death tried and survived");
                Assert.True(step > 10, "too few steps were seen");
                return;
            }

            Assert.True(exit == 137, $"step {step}: ended with {exit}: {error}");
            await GoOnAsync(machine, $"{operation} {argument}, step {step}", mayBeUnknown: false);
        }

        Assert.Fail("The operation has no end.");
    }

    [SkippableTheory]
    [InlineData("three")]
    [InlineData("two")]
    public async Task AQemuKilledAtAnyStepLosesNothingThatWasFlushed(string name)
    {
        for (int step = CrashSteps.First; step <= MostSteps; step = CrashSteps.After(step))
        {
            int at = 0;
            HostProcess? qemu = null;
            bool killed = false;
            await using LayerMachine machine = await PrepareAsync(running: true, fork: false, _ =>
            {
                if (qemu is null || ++at != step)
                    return;
                using var process = Process.GetProcessById(qemu.Id);
                process.Kill();
                process.WaitForExit(5000);
                killed = true;
            });
            await machine.Machine.IoAsync(LayerMachine.Disk, "flush");
            qemu = MachineProbe.ProcessOf(machine.Place);
            try
            {
                await machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, new RemoveSnapshotRequest { Name = name, UndoFor = TimeSpan.Zero }, machine.Machine.Report, CancellationToken.None);
            }
            catch (MomentException failure)
            {
                Assert.True(killed, $"step {step}: {failure}");
            }

            if (!killed)
            {
                output.WriteLine($"{name}: QEMU killed at {CrashSteps.Tried(step)} points, and nothing lost");
                return;
            }

            qemu = null;
            await GoOnAsync(machine, $"QEMU killed at step {step}", mayBeUnknown: true);
        }

        Assert.Fail("The operation has no end.");
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
