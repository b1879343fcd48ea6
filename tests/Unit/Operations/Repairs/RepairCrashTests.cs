using MomentTools.Errors;
using MomentTools.Operations;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Repairs;

/// <summary>A repair is killed at each of its steps; the next one finishes the work, and no answer is too small.</summary>
[Trait("Proof", "crash")]
public sealed class RepairCrashTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARepairKilledAtAnyStepIsFinishedByTheNext(bool running)
    {
        await CrashHarness.RunAsync(output, $"repair, {(running ? "running" : "stopped")}", async (step, where) =>
        {
            await using TestMachine machine = await DamagedAsync(running);
            byte[] content = machine.Content(machine.DiskPath("vda"));
            bool died = machine.Dies(step, "repair", "all");
            await machine.RepairAsync();
            IReadOnlyList<VMMomentFinding> left = await machine.TestAsync();
            Assert.True(left.Count == 0, $"{where}: {string.Join('\n', left.Select(finding => $"{finding.Id}: {finding.Text}"))}");
            Assert.True(content.AsSpan().SequenceEqual(machine.Content(machine.DiskPath("vda"))), $"{where}: the guest's bytes differ");
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
            Assert.DoesNotContain("null-co", await machine.NodesAsync(), StringComparison.Ordinal);
            MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => machine.ChangesAsync("c"));
            Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
            await machine.CheckpointAsync("after");
            await machine.WriteAsync("vda", 9, 30 * Grain, Grain);
            Assert.Equal([(30 * Grain, Grain)], await machine.ChangesAsync("after"));
            return died;
        });
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
