using Xunit.Abstractions;
using static MomentTools.Tests.Operations.Branches.BranchMachine;

namespace MomentTools.Tests.Operations.Branches;

/// <summary>
/// What changes branches is killed at each of its steps, and so is QEMU. Afterwards each branch has its own bytes, the machine is on one of
/// the two, what changed is exact or said to be unknown, and nothing is left that nobody needs.
/// </summary>
[Trait("Proof", "crash")]
public sealed class BranchCrashTests(ITestOutputHelper output)
{

    [SkippableTheory]
    [InlineData("branch-create", true)]
    [InlineData("branch-rename", false)]
    [InlineData("branch-remove", false)]
    [InlineData("branch-switch", true)]
    [InlineData("branch-switch", false)]
    [InlineData("branch-keep", true)]
    public async Task AProcessKilledAtAnyStepLeavesEachBranchItsOwn(string operation, bool running)
    {
        await CrashHarness.RunAsync(output, $"{operation}, {(running ? "running" : "stopped")}", async (step, where) =>
        {
            await using TestMachine machine = await PrepareAsync(operation, running);
            if (!machine.Dies(step, operation, "one"))
            {
                await AssertSoundAsync(machine, $"the end of {operation}", exact: true);
                return false;
            }

            await AssertSoundAsync(machine, where, exact: true);
            return true;
        });
    }

    [SkippableTheory]
    [InlineData("branch-switch")]
    [InlineData("branch-keep")]
    public async Task AQemuKilledAtAnyStepLeavesEachBranchItsOwn(string operation)
    {
        await CrashHarness.RunAsync(output, $"{operation}, QEMU killed", async (step, where) =>
        {
            var killer = new StepKiller(step);
            await using TestMachine machine = await PrepareAsync(operation, running: true, killer.Probe);
            if (!await machine.LosesQemuAsync(killer, operation, "one", where))
                return false;

            if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State == VMState.Stopped)
                await machine.StartAsync();
            await AssertSoundAsync(machine, where, exact: false);
            return true;
        });
    }

    // On main the block 1 is its own, on the other branch the block 2.
    private static async Task<TestMachine> PrepareAsync(string operation, bool running, Action<string>? probe = null)
    {
        TestMachine machine = await TestMachine.CreateAsync(probe, "vda", "vdb");
        await machine.WriteGrainAsync(1, 0);
        await machine.FreezeAsync("clean");
        if (operation != "branch-create")
        {
            await machine.BranchAsync("one", "clean");
            await machine.SwitchAsync("one");
            await machine.WriteGrainAsync(3, 2);
            await machine.SwitchAsync("main");
        }

        if (running)
            await machine.StartAsync();
        await machine.WriteGrainAsync(2, 1);
        if (running)
            foreach (string disk in machine.Disks)
                await machine.IoAsync(disk, "flush");
        return machine;
    }

    private static async Task AssertSoundAsync(TestMachine machine, string where, bool exact)
    {
        // The next command that changes the machine finishes or undoes.
        await machine.CheckpointAsync("after");
        Assert.True(!Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")).Any(), $"{where}: a journal is left");
        IReadOnlyDictionary<string, VMBranch> branches = await machine.BranchesAsync();
        VMBranch active = branches.Values.Single(branch => branch.Active);
        Assert.True(branches.Keys.All(name => name is "main" or "one" or "two"), $"{where}: {string.Join(' ', branches.Keys)}");
        if (exact)
        {
            (long, long) own = ((active.Name == "main" ? 1 : 2) * Grain, Grain);
            Assert.True((await machine.ChangesAsync("clean")).SequenceEqual([own]), $"{where}: since clean {string.Join(' ', await machine.ChangesAsync("clean"))}");
        }

        await machine.WriteGrainAsync(9, 9);
        Assert.True((await machine.ChangesAsync("after")).SequenceEqual([(9 * Grain, Grain)]), where);
        if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State != VMState.Stopped)
            await machine.StopAsync();
        foreach ((string name, VMBranch branch) in branches)
            foreach (string disk in machine.Disks)
            {
                byte[] patterns = await machine.PatternsAsync(name, disk);
                byte[] expected = new byte[patterns.Length];
                expected[0] = 1;
                expected[1] = (byte)(name == "main" ? 2 : 0);
                expected[2] = (byte)(name == "main" || patterns[2] == 0 && IsEmpty(where) ? 0 : 3);
                expected[9] = (byte)(branch.Active ? 9 : 0);
                Assert.True(expected.SequenceEqual(patterns), $"{where}: {disk} on {name} has {string.Join(' ', patterns)}");
            }

        // What a removal had only begun to collect is collected by the next one.
        if (where.Contains("remove", StringComparison.Ordinal))
        {
            await machine.BranchAsync("last", "clean");
            await machine.RemoveBranchAsync("last", undoFor: TimeSpan.Zero);
        }

        HashSet<string> known = [.. branches.Values.SelectMany(branch => branch.Disks).Select(disk => disk.Path!), .. machine.Disks.Select(machine.DiskPath), .. branches.Values.Select(branch => branch.Memory).OfType<string>()];
        string[] files = [.. Directory.EnumerateFiles(machine.Scratch, "*.qcow2").Concat(Directory.EnumerateFiles(machine.Scratch, "*.mem")).Where(path => !known.Contains(path)).Order(StringComparer.Ordinal)];
        Assert.True(files.Length == 0, $"{where}: left over: {string.Join(' ', files)}");
    }

    // A branch that was just made has nothing of its own.
    private static bool IsEmpty(string where) => where.Contains("create", StringComparison.Ordinal);
}
