using System.Globalization;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Backups.Restoring;

/// <summary>The process is killed at each step; the next command puts all in order by itself.</summary>
public sealed class InstantCrashTests(ITestOutputHelper output)
{
    private const int MostSteps = 60;
    private const long Grain = InstantMachine.Grain;

    [SkippableFact]
    public async Task AProcessKilledAtAnyStepLeavesAMachineThatRunsOrNone()
    {
        for (int step = 1; step <= MostSteps; step++)
        {
            await using InstantMachine instant = await InstantMachine.CreateAsync();
            IReadOnlyDictionary<string, string> before = instant.Repository();
            if (Died(instant, "instant-run", step) is { } steps)
            {
                Assert.Equal(step - 1, steps);
                output.WriteLine($"killed at {steps} steps");
                return;
            }

            string state = Path.Combine(instant.Machine.Scratch, "state", "domains", InstantMachine.Copy);
            bool half = Directory.Exists(state) && Journal.Pending(state).Count > 0;
            // Another command on it removes it and says so, and the same command begins again.
            if (half && step % 2 == 0)
            {
                MomentException gone = await Assert.ThrowsAsync<MomentException>(() => instant.Engine.CreateCheckpointAsync(InstantMachine.Copy, new CreateCheckpointRequest { Name = "c" }, instant.Report, CancellationToken.None));
                Assert.Equal("RestoreInterrupted", gone.ErrorId.Name);
                instant.AssertNothingLeft($"step {step}");
            }

            if (half || !Directory.Exists(state))
                await instant.RunAsync();
            Assert.Equal(VMState.Running, (await instant.CopyAsync()).State);
            await instant.WriteAsync(7, 5 * Grain, Grain);
            await instant.StopAsync();
            Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(instant.Overlay())), $"step {step}");
            Assert.Equal(before, instant.Repository());
            Assert.Equal([TestMachine.Name, InstantMachine.Copy], Directory.EnumerateDirectories(Path.GetDirectoryName(state)!).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        }

        Assert.Fail("The operation has no end.");
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AMoveKilledAtAnyStepIsContinued(bool tracks)
    {
        for (int step = CrashSteps.First; step <= MostSteps; step = CrashSteps.After(step))
        {
            await using InstantMachine instant = await InstantMachine.CreateAsync();
            IReadOnlyDictionary<string, string> before = instant.Repository();
            await instant.RunAsync();
            if (tracks)
                await instant.Engine.CreateCheckpointAsync(InstantMachine.Copy, new CreateCheckpointRequest { Name = "monday" }, instant.Report, CancellationToken.None);
            await instant.WriteAsync(5, 3 * Grain, Grain);
            if (Died(instant, "instant-move", step) is { } steps)
            {
                CrashSteps.AssertIsEnd(step, steps.ToString(CultureInfo.InvariantCulture));
                output.WriteLine($"killed at {CrashSteps.Tried(step)} steps");
                return;
            }

            await instant.WriteAsync(6, 30 * Grain, Grain);
            await instant.MoveAsync();
            Assert.Null(InstantMachine.Backing(instant.Overlay()));
            Assert.Equal(0, (await instant.Engine.InvokeQmpAsync(InstantMachine.Copy, "query-jobs", null, CancellationToken.None)).GetArrayLength());
            Assert.DoesNotContain(instant.Machine.Repository, (await instant.Engine.InvokeQmpAsync(InstantMachine.Copy, "query-named-block-nodes", """{"flat":true}""", CancellationToken.None)).GetRawText(), StringComparison.Ordinal);
            Assert.Empty(await instant.Engine.TestMomentsAsync(InstantMachine.Copy, [], instant.Report, CancellationToken.None));
            if (tracks)
            {
                IReadOnlyList<VMChangedBlock> changed = await instant.Engine.GetChangedBlocksAsync(InstantMachine.Copy, "monday", [], instant.Report, CancellationToken.None);
                Assert.Equal([(3 * Grain, Grain), (30 * Grain, Grain)], changed.Select(run => (run.Offset, run.Length)));
            }

            await instant.StopAsync();
            Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(instant.Overlay())), $"step {step}");
            Assert.Equal(before, instant.Repository());
        }

        Assert.Fail("The operation has no end.");
    }

    // The number of steps where it came to its end unkilled.
    private static int? Died(InstantMachine instant, string operation, int step)
    {
        (int exit, string printed, string error) = Tool.TryRun(
            "dotnet", Path.Combine(AppContext.BaseDirectory, "MomentTools.CrashRunner.dll"), Path.Combine(instant.Machine.Scratch, "state"), Path.Combine(instant.Machine.Scratch, "run"),
            TestMachine.Name, step.ToString(CultureInfo.InvariantCulture), operation, instant.Machine.Repository);
        if (exit == 0)
            return int.Parse(printed, CultureInfo.InvariantCulture);
        Assert.True(exit == 137, $"step {step} of {operation}: ended with {exit}: {error}");
        return null;
    }
}
