using Xunit.Abstractions;

namespace MomentTools.Tests.Operations;

/// <summary>
/// The crash harness over a group: killed at each of its steps, by SIGKILL of its process and of one QEMU. Whatever the order in which the
/// machines are then worked on, all have the checkpoint or none has, and nothing that was tracked is lost.
/// </summary>
[Trait("Proof", "crash")]
public sealed class GroupCrashTests(ITestOutputHelper output)
{
    private const long Grain = TestFleet.Grain;

    [SkippableTheory]
    [InlineData("a,b", "a,b")]
    [InlineData("a,b,c", "b")]
    public async Task AProcessKilledAtAnyStepMakesAllOrNone(string vms, string running)
    {
        int none = 0, all = 0;
        await CrashHarness.RunAsync(output, $"group of {vms}", async (step, where) =>
        {
            await using TestFleet fleet = await PrepareAsync(vms, running, null);
            if (!fleet.Dies(step, vms, "group", "new"))
                return false;
            if (await AssertSoundAsync(fleet, step, where, unknown: null))
                all++;
            else
                none++;
            return true;
        });
        Assert.True(none > 0 && (all > 0 || !CrashHarness.KillsEach));
    }

    [SkippableFact]
    public async Task AQemuKilledAtAnyStepMakesAllOrNone()
    {
        await CrashHarness.RunAsync(output, "group, QEMU killed", async (step, where) =>
        {
            var killer = new StepKiller(step);
            await using TestFleet fleet = await PrepareAsync("a,b", "a,b", killer.Probe);
            int process = (await fleet.Engine.GetDomainAsync("b", fleet.Report, CancellationToken.None)).ProcessId!.Value;
            if (!await killer.KillsAsync(process, () => fleet.GroupAsync("new", "a", "b"), where, failure => Assert.Contains("'b'", failure.Message, StringComparison.Ordinal)))
                return false;
            await fleet.StartAsync("b");
            await AssertSoundAsync(fleet, step, where, unknown: "b");
            return true;
        });
    }

    private static async Task<TestFleet> PrepareAsync(string vms, string running, Action<string>? probe)
    {
        TestFleet fleet = await TestFleet.CreateAsync(probe, channel: false, vms.Split(','));
        foreach (string name in fleet.Names)
        {
            if (running.Contains(name, StringComparison.Ordinal))
                await fleet.StartAsync(name);
            await fleet.CheckpointAsync(name, "base");
            await fleet.WriteAsync(name, 1, 2 * Grain);
        }

        return fleet;
    }

    // True where all have the checkpoint.
    private static async Task<bool> AssertSoundAsync(TestFleet fleet, int step, string where, string? unknown)
    {
        // Each recovers for itself, in an order that differs from death to death.
        foreach (string name in step % 2 == 0 ? fleet.Names : fleet.Names.Reverse())
            await fleet.CheckpointAsync(name, "after");
        bool[] have = await Task.WhenAll(fleet.Names.Select(async name => (await fleet.MomentsAsync(name)).Any(moment => moment.Name == "new")));
        Assert.True(have.Distinct().Count() == 1, $"{where}: {string.Join(", ", fleet.Names.Zip(have))}");
        foreach (string name in fleet.Names)
        {
            await fleet.WriteAsync(name, 2, 4 * Grain);
            IReadOnlyList<VMMoment> moments = await fleet.MomentsAsync(name);
            Assert.Equal(have[0] ? ["base", "new", "after"] : ["base", "after"], moments.Select(moment => moment.Name));
            Assert.Equal([(4 * Grain, Grain)], await fleet.ChangesAsync(name, "after"));
            if (name == unknown)
                continue;
            Assert.All(moments, moment => Assert.Equal("OK", moment.Health));
            (long, long)[] expected = [(2 * Grain, Grain), (4 * Grain, Grain)];
            Assert.True(expected.SequenceEqual(await fleet.ChangesAsync(name, "base")), where);
        }

        await fleet.AssertNothingLeftAsync(where);
        return have[0];
    }
}
