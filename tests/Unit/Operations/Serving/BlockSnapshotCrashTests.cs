using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>
/// Making and removing a block snapshot is killed at each step: our process, and separately QEMU. The next command finds it whole or leaves
/// nothing of it; the guest runs, its disk is what it wrote, and the tracking is exact.
/// </summary>
[Trait("Proof", "crash")]
public sealed class BlockSnapshotCrashTests(ITestOutputHelper output)
{
    private const long Grain = FleeceMachine.Grain;

    [SkippableTheory]
    [InlineData("block-snapshot-new")]
    [InlineData("block-snapshot-checkpoint")]
    [InlineData("block-snapshot-remove")]
    public async Task AProcessKilledAtAnyStepLeavesItWholeOrNothing(string operation)
    {
        int whole = 0;
        await CrashHarness.RunAsync(output, operation, async (step, where) =>
        {
            await using FleeceMachine fleece = await PrepareAsync(operation, null);
            if (!fleece.Machine.Dies(step, operation, "one"))
                return false;
            if (await AssertSoundAsync(fleece, where))
                whole++;
            return true;
        });
    }

    [SkippableTheory]
    [InlineData("block-snapshot-new")]
    [InlineData("block-snapshot-checkpoint")]
    [InlineData("block-snapshot-remove")]
    public async Task AQemuKilledAtAnyStepLeavesNothing(string operation)
    {
        await CrashHarness.RunAsync(output, $"{operation}, QEMU killed", async (step, where) =>
        {
            var killer = new StepKiller(step);
            await using FleeceMachine fleece = await PrepareAsync(operation, killer.Probe);
            TestMachine machine = fleece.Machine;
            if (!await machine.LosesQemuAsync(killer, operation, "one", where))
                return false;

            await machine.StartAsync();
            await machine.CheckpointAsync("after");
            Assert.True((await fleece.ListAsync()).Count == 0, where);
            AssertClean(await fleece.CountAsync(), where);
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
            return true;
        });
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AMachineThatStandsBecauseOfUsIsLetGoOnAndOneThatItsUserPausedIsNot(bool ours)
    {
        int held = 0;
        await CrashHarness.RunAsync(output, $"block-snapshot-new, paused {(ours ? "by us" : "by its user")}", async (step, where) =>
        {
            await using FleeceMachine fleece = await PrepareAsync("block-snapshot-new", null);
            if (!fleece.Machine.Dies(step, "block-snapshot-new", "one"))
                return false;
            string? pending = Directory.EnumerateFiles(Path.Combine(fleece.Machine.StateDirectory, "journal"), "*.jsonl")
                .FirstOrDefault(file => File.ReadAllText(file) is var text && text.Contains("\"intent\"", StringComparison.Ordinal) && !text.Contains("\"commit\"", StringComparison.Ordinal));
            // As if the process had died after QEMU had read the first two commands of the instant.
            bool standing = ours && pending is not null;
            if (standing)
                await fleece.QmpAsync("blockdev-add", $$"""{"driver":"null-co","node-name":"mt-bs-{{Path.GetFileNameWithoutExtension(pending)}}-h"}""");
            await fleece.QmpAsync("stop");
            await fleece.Machine.CheckpointAsync("after");
            Assert.True((standing ? "running" : "paused") == await fleece.StatusAsync(), $"{where}: {await fleece.StatusAsync()}");
            if (pending is null)
                return true;
            AssertClean(await fleece.CountAsync(), where);
            held++;
            return true;
        });
        Assert.True(held >= (CrashHarness.KillsEach ? 3 : 1));
    }

    [SkippableTheory]
    [InlineData("before-commit", false)]
    [InlineData("commit", true)]
    public async Task WhatFailsOnceItMayBeDecidedIsFinishedOrUndoneByTheNextCommand(string step, bool decided)
    {
        bool fails = false;
        await using FleeceMachine fleece = await PrepareAsync("block-snapshot-checkpoint", at => Assert.False(fails && at == "block-snapshot-create:" + step, "the storage fails"));
        fails = true;
        await Assert.ThrowsAnyAsync<Exception>(() => fleece.NewAsync("one", request => request with { NewCheckpoint = "instant" }));
        fails = false;
        Assert.Equal(decided, await AssertSoundAsync(fleece, step));
        Assert.Equal(decided, (await fleece.Machine.MomentsAsync()).Any(moment => moment.Name == "instant"));
    }

    [SkippableFact]
    public async Task AMachineThatItsUserPausesOrLetsGoOnWhileItIsMadeStaysAsItIs()
    {
        foreach (string command in (string[])["stop", "cont"])
        {
            FleeceMachine? prepared = null;
            await using FleeceMachine fleece = prepared = await FleeceMachine.StartAsync(
                step =>
                {
                    if (step == "block-snapshot-create:nodes")
                        prepared!.QmpAsync(command).GetAwaiter().GetResult();
                },
                running: command == "stop");
            await fleece.NewAsync("one");
            Assert.Equal(command == "stop" ? "paused" : "running", await fleece.StatusAsync());
            await fleece.RemoveAsync("one");
            AssertClean(await fleece.CountAsync(), command);
        }
    }

    private static async Task<FleeceMachine> PrepareAsync(string operation, Action<string>? probe)
    {
        FleeceMachine fleece = await FleeceMachine.StartAsync(probe);
        TestMachine machine = fleece.Machine;
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        await machine.CheckpointAsync("base");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        if (operation == "block-snapshot-remove")
            await fleece.NewAsync("one");
        return fleece;
    }

    // Whether it is there.
    private static async Task<bool> AssertSoundAsync(FleeceMachine fleece, string where)
    {
        TestMachine machine = fleece.Machine;
        await machine.CheckpointAsync("after");
        Assert.True(await fleece.StatusAsync() == "running", where);
        await machine.WriteAsync("vda", 3, 3 * Grain, 2 * Grain);
        IReadOnlyList<VMBlockSnapshot> there = await fleece.ListAsync();
        byte[] then = Disk((0, 4, 1), (2, 1, 2)), now = Disk((0, 4, 1), (2, 1, 2), (3, 2, 3));
        if (there.Count > 0)
        {
            Assert.True(there[0].State == VMServiceState.Ready, $"{where}: {there[0].Reason}");
            AssertSame(then, await fleece.ReadAsync("one", "vda"), $"{where}: the view");
            await fleece.RemoveAsync("one");
        }

        AssertSame(now, await fleece.NowAsync("vda"), $"{where}: the guest's disk");
        Assert.Equal([(2 * Grain, 3 * Grain)], await machine.ChangesAsync("base"));
        Assert.Equal([(3 * Grain, 2 * Grain)], await machine.ChangesAsync("after"));
        Assert.All(await machine.MomentsAsync(), moment => Assert.True(moment.Health == "OK", $"{where}: {moment.Name}: {moment.Health}"));
        AssertClean(await fleece.CountAsync(), where);
        Assert.Empty(machine.Report.Failures);
        return there.Count > 0;
    }

    private static void AssertClean(string count, string where)
    {
        foreach (string word in (string[])["mt-bs-", "mt-x-", "query-", "scratch", ".view", "journal ", "blocksnapshots ", "pin in"])
            Assert.False(count.Contains(word, StringComparison.Ordinal), $"{where}: {word}:\n{count}");
    }

    private static void AssertSame(byte[] expected, byte[] read, string what) => Assert.True(expected.AsSpan().SequenceEqual(read), what);

    private static byte[] Disk(params (int At, int Length, byte Pattern)[] written)
    {
        byte[] content = new byte[TestMachine.DiskSize];
        foreach ((int at, int length, byte pattern) in written)
            content.AsSpan((int)(at * Grain), (int)(length * Grain)).Fill(pattern);
        return content;
    }
}
