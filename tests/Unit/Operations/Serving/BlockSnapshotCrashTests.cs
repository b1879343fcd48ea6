using System.Diagnostics;
using System.Globalization;
using MomentTools.Errors;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>
/// Making and removing a block snapshot is killed at each step: our process, and separately QEMU. The next command finds it whole or leaves
/// nothing of it; the guest runs, its disk is what it wrote, and the tracking is exact.
/// </summary>
public sealed class BlockSnapshotCrashTests(ITestOutputHelper output)
{
    private const long Grain = FleeceMachine.Grain;
    private const int MostSteps = 60;

    [SkippableTheory]
    [InlineData("block-snapshot-new")]
    [InlineData("block-snapshot-checkpoint")]
    [InlineData("block-snapshot-remove")]
    public async Task AProcessKilledAtAnyStepLeavesItWholeOrNothing(string operation)
    {
        int whole = 0;
        for (int step = CrashSteps.First; step <= MostSteps; step = CrashSteps.After(step))
        {
            await using FleeceMachine fleece = await PrepareAsync(operation, null);
            (int exit, string printed, string error) = Run(fleece.Machine, operation, step);
            if (exit == 0)
            {
                output.WriteLine($"{operation}: {CrashSteps.Tried(step)} points of death tried; {whole} times it was there in the end");
                CrashSteps.AssertIsEnd(step, printed);
                return;
            }

            Assert.True(exit == 137, $"step {step} of {operation}: ended with {exit}: {error}");
            if (await AssertSoundAsync(fleece, $"step {step} of {operation}"))
                whole++;
        }

        Assert.Fail("The operation has no end.");
    }

    [SkippableTheory]
    [InlineData("block-snapshot-new")]
    [InlineData("block-snapshot-checkpoint")]
    [InlineData("block-snapshot-remove")]
    public async Task AQemuKilledAtAnyStepLeavesNothing(string operation)
    {
        for (int step = CrashSteps.First; step <= MostSteps; step = CrashSteps.After(step))
        {
            int at = 0, qemu = 0;
            bool killed = false;
            await using FleeceMachine fleece = await PrepareAsync(operation, _ =>
            {
                if (qemu == 0 || ++at != step)
                    return;
                using var process = Process.GetProcessById(qemu);
                process.Kill();
                process.WaitForExit(5000);
                killed = true;
            });
            TestMachine machine = fleece.Machine;
            qemu = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).ProcessId!.Value;
            try
            {
                await CrashRunner.CrashedOperations.RunAsync(machine.Engine, TestMachine.Name, operation, "one");
            }
            catch (MomentException failure)
            {
                Assert.True(killed, $"step {step} of {operation}: {failure}");
            }

            qemu = 0;
            if (!killed)
            {
                output.WriteLine($"{operation}: QEMU killed at {CrashSteps.Tried(step)} points");
                return;
            }

            string where = $"QEMU killed at step {step} of {operation}";
            await machine.StartAsync();
            await machine.CheckpointAsync("after");
            Assert.True((await fleece.ListAsync()).Count == 0, where);
            AssertClean(await fleece.CountAsync(), where);
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
        }

        Assert.Fail("The operation has no end.");
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AMachineThatStandsBecauseOfUsIsLetGoOnAndOneThatItsUserPausedIsNot(bool ours)
    {
        int held = 0;
        for (int step = 1; ; step++)
        {
            await using FleeceMachine fleece = await PrepareAsync("block-snapshot-new", null);
            (int exit, _, _) = Run(fleece.Machine, "block-snapshot-new", step);
            if (exit == 0)
                break;
            string? pending = Directory.EnumerateFiles(Path.Combine(fleece.Machine.StateDirectory, "journal"), "*.jsonl")
                .FirstOrDefault(file => File.ReadAllText(file) is var text && text.Contains("\"intent\"", StringComparison.Ordinal) && !text.Contains("\"commit\"", StringComparison.Ordinal));
            // As if the process had died after QEMU had read the first two commands of the instant.
            bool standing = ours && pending is not null;
            if (standing)
                await fleece.QmpAsync("blockdev-add", $$"""{"driver":"null-co","node-name":"mt-bs-{{Path.GetFileNameWithoutExtension(pending)}}-h"}""");
            await fleece.QmpAsync("stop");
            await fleece.Machine.CheckpointAsync("after");
            Assert.True((standing ? "running" : "paused") == await fleece.StatusAsync(), $"step {step}: {await fleece.StatusAsync()}");
            if (pending is not null)
                AssertClean(await fleece.CountAsync(), $"step {step}");
            if (pending is not null)
                held++;
        }

        Assert.InRange(held, 3, MostSteps);
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

    private static (int Exit, string Printed, string Error) Run(TestMachine machine, string operation, int step) => Tool.TryRun(
        "dotnet", Path.Combine(AppContext.BaseDirectory, "MomentTools.CrashRunner.dll"), Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run"),
        TestMachine.Name, step.ToString(CultureInfo.InvariantCulture), operation, "one");

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
