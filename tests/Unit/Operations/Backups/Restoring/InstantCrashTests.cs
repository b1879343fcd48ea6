using MomentTools.Errors;
using MomentTools.Moments;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Backups.Restoring;

/// <summary>The process is killed at each step; the next command puts all in order by itself.</summary>
[Trait("Proof", "crash")]
public sealed class InstantCrashTests(ITestOutputHelper output)
{
    private const long Grain = InstantMachine.Grain;

    [SkippableFact]
    public async Task AProcessKilledAtAnyStepLeavesAMachineThatRunsOrNone()
    {
        await CrashHarness.RunAsync(output, "instant run", async (step, where) =>
        {
            await using InstantMachine instant = await InstantMachine.CreateAsync();
            IReadOnlyDictionary<string, string> before = instant.Repository();
            if (!instant.Machine.Dies(step, "instant-run", instant.Machine.Repository))
                return false;

            string state = Path.Combine(instant.Machine.Scratch, "state", "domains", InstantMachine.Copy);
            bool half = Directory.Exists(state) && Journal.Pending(state).Count > 0;
            // Another command on it removes it and says so, and the same command begins again.
            if (half && step % 2 == 0)
            {
                MomentException gone = await Assert.ThrowsAsync<MomentException>(() => instant.Engine.CreateCheckpointAsync(InstantMachine.Copy, new CreateCheckpointRequest { Name = "c" }, instant.Report, CancellationToken.None));
                Assert.Equal("RestoreInterrupted", gone.ErrorId.Name);
                instant.AssertNothingLeft(where);
            }

            if (half || !Directory.Exists(state))
                await instant.RunAsync();
            Assert.Equal(VMState.Running, (await instant.CopyAsync()).State);
            await instant.WriteAsync(7, 5 * Grain, Grain);
            await instant.StopAsync();
            Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(instant.Overlay())), where);
            Assert.Equal(before, instant.Repository());
            Assert.Equal([TestMachine.Name, InstantMachine.Copy], Directory.EnumerateDirectories(Path.GetDirectoryName(state)!).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
            return true;
        });
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AMoveKilledAtAnyStepIsContinued(bool tracks)
    {
        await CrashHarness.RunAsync(output, $"instant move, {(tracks ? "tracked" : "not tracked")}", async (step, where) =>
        {
            await using InstantMachine instant = await InstantMachine.CreateAsync();
            IReadOnlyDictionary<string, string> before = instant.Repository();
            await instant.RunAsync();
            if (tracks)
                await instant.Engine.CreateCheckpointAsync(InstantMachine.Copy, new CreateCheckpointRequest { Name = "monday" }, instant.Report, CancellationToken.None);
            await instant.WriteAsync(5, 3 * Grain, Grain);
            if (!instant.Machine.Dies(step, "instant-move", instant.Machine.Repository))
                return false;

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
            Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(instant.Overlay())), where);
            Assert.Equal(before, instant.Repository());
            return true;
        });
    }
}
