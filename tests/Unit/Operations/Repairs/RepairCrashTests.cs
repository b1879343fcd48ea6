using System.Globalization;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Repairs;

/// <summary>A repair is killed at each of its steps; the next one finishes the work, and no answer is too small.</summary>
public sealed class RepairCrashTests(ITestOutputHelper output)
{
    private const long Grain = 65536;
    private const int MostSteps = 60;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARepairKilledAtAnyStepIsFinishedByTheNext(bool running)
    {
        for (int step = 1; step <= MostSteps; step++)
        {
            await using TestMachine machine = await DamagedAsync(running);
            byte[] content = machine.Content(machine.DiskPath("vda"));
            (int exit, string printed, string error) = Tool.TryRun(
                "dotnet", Path.Combine(AppContext.BaseDirectory, "MomentTools.CrashRunner.dll"), Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run"),
                TestMachine.Name, step.ToString(CultureInfo.InvariantCulture), "repair", "all");
            Assert.True(exit is 0 or 137, $"step {step}: ended with {exit}: {error}");
            await machine.Engine.RepairMomentsAsync(TestMachine.Name, new RepairMomentRequest(), machine.Report, CancellationToken.None);
            IReadOnlyList<VMMomentFinding> left = await machine.Engine.TestMomentsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
            Assert.True(left.Count == 0, $"step {step}: {string.Join('\n', left.Select(finding => $"{finding.Id}: {finding.Text}"))}");
            Assert.True(content.AsSpan().SequenceEqual(machine.Content(machine.DiskPath("vda"))), $"step {step}: the guest's bytes differ");
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
            Assert.DoesNotContain("null-co", await machine.NodesAsync(), StringComparison.Ordinal);
            MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("c"));
            Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
            await machine.CheckpointAsync("after");
            await machine.WriteAsync("vda", 9, 30 * Grain, Grain);
            Assert.Equal([(30 * Grain, Grain)], await machine.ChangesAsync("after"));
            if (exit == 0)
            {
                output.WriteLine($"repair, {(running ? "running" : "stopped")}: killed at {step - 1} points, survived all");
                Assert.Equal(step - 1, int.Parse(printed, CultureInfo.InvariantCulture));
                return;
            }
        }

        Assert.Fail("The operation has no end.");
    }

    // Killed with stored bitmaps, and a moment's file cut short: all kinds of steps are needed.
    private static async Task<TestMachine> DamagedAsync(bool running)
    {
        TestMachine machine = await TestMachine.CreateAsync();
        foreach (string name in (string[])["a", "b", "c"])
        {
            await machine.CheckpointAsync(name);
            await machine.WriteAsync("vda", 1, 0, 2 * Grain);
        }

        await machine.StartAsync();
        await machine.WriteAsync("vda", 2, 4 * Grain, Grain);
        await machine.KillMachineAsync();
        using (FileStream file = File.OpenWrite(Path.Combine(machine.StateDirectory, "checkpoints", "b.xml")))
            file.SetLength(100);
        if (running)
            await machine.StartAsync();
        return machine;
    }
}
