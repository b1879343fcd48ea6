using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Foreign;

/// <summary>Adopting and handing over, killed at each of their steps: the bitmaps are all theirs or all ours, and none misses a write.</summary>
[Trait("Proof", "crash")]
public sealed class ForeignCrashTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AKilledAdoptionIsUndoneOrFinished(bool running)
    {
        await CrashHarness.RunAsync(output, $"adopt, {(running ? "running" : "stopped")}", async (step, where) =>
        {
            await using TestMachine machine = await TestMachine.CreateAsync();
            await machine.CheckpointAsync("own");
            if (running)
                await machine.StartAsync();
            await machine.WriteAsync("vda", 1, 0, Grain);
            await machine.ForeignAsync("theirs");
            await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
            bool died = machine.Dies(step, "adopt", "theirs");
            if (!running)
                await RecoverAsync(machine);
            await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
            await machine.CheckpointAsync("after");
            if ((await machine.MomentsAsync()).All(moment => moment.Name != "theirs"))
                await machine.AdoptAsync("theirs");

            await machine.WriteAsync("vda", 4, 6 * Grain, Grain);
            Assert.All(await machine.MomentsAsync(), moment => Assert.Equal("OK", moment.Health));
            Assert.True(((long, long)[])[(2 * Grain, Grain), (4 * Grain, Grain), (6 * Grain, Grain)] is var theirs && theirs.SequenceEqual(await machine.ChangesAsync("theirs")), where);
            Assert.Equal([(0, Grain), (2 * Grain, Grain), (4 * Grain, Grain), (6 * Grain, Grain)], await machine.ChangesAsync("own"));
            Assert.Equal([(6 * Grain, Grain)], await machine.ChangesAsync("after"));
            await AssertNothingLeftAsync(machine, where);
            return died;
        });
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AKilledHandOverLeavesAllOursOrAllTheirs(bool running)
    {
        await CrashHarness.RunAsync(output, $"hand over, {(running ? "running" : "stopped")}", async (step, where) =>
        {
            await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
            if (running)
                await machine.StartAsync();
            await machine.CheckpointAsync("a");
            await machine.WriteAsync("vda", 1, 0, Grain);
            await machine.CheckpointAsync("b");
            await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
            string directory = Path.Combine(machine.Scratch, "out");
            bool died = machine.Dies(step, "hand-over", directory);
            if (!running)
                await RecoverAsync(machine);
            await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
            // Any changing command recovers first.
            await machine.CheckpointAsync("after");
            IReadOnlyList<VMMoment> moments = await machine.MomentsAsync();
            if (moments.Count == 1)
                await machine.Engine.ImportMomentsAsync(TestMachine.Name, new ImportMomentsRequest { Paths = [directory] }, machine.Report, CancellationToken.None);
            else
                Assert.Equal(["a", "b", "after"], moments.Select(moment => moment.Name));
            await machine.WriteAsync("vda", 4, 6 * Grain, Grain);
            Assert.Equal([(0, Grain), (2 * Grain, Grain), (4 * Grain, Grain), (6 * Grain, Grain)], await machine.ChangesAsync("a"));
            Assert.Equal([(2 * Grain, Grain), (4 * Grain, Grain), (6 * Grain, Grain)], await machine.ChangesAsync("b"));
            Assert.Equal([(6 * Grain, Grain)], await machine.ChangesAsync("after"));
            await AssertNothingLeftAsync(machine, where);
            return died;
        });
    }

    private static async Task AssertNothingLeftAsync(TestMachine machine, string where)
    {
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
        IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
        Assert.DoesNotContain(bitmaps, bitmap => bitmap.State == VMBitmapState.Foreign || bitmap.Name.StartsWith("mt-tmp", StringComparison.Ordinal));
        if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State == VMState.Stopped)
            return;
        await machine.AssertNothingInQemuAsync(where, nodes: false);
        Assert.DoesNotContain("null-co", await machine.NodesAsync(), StringComparison.Ordinal);
    }

    // A change that is refused, but recovers first: until then a storage daemon may hold the disk.
    private static async Task RecoverAsync(TestMachine machine) =>
        await Assert.ThrowsAsync<MomentTools.Errors.MomentException>(() => machine.Engine.RemoveBitmapAsync(TestMachine.Name, "vda", "none", machine.Report, CancellationToken.None));
}
