using MomentTools.Errors;
using MomentTools.Operations;

namespace MomentTools.Tests.Operations;

/// <summary>What changed between two moments of real machines, and what a disk's change of size does to it.</summary>
public sealed class ChangedPairsTests
{
    private const long Grain = 65536;
    private const long Size = TestMachine.DiskSize;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AnyTwoMomentsInAnyOrder(bool running)
    {
        await using TestMachine machine = await LineAsync(running);
        Assert.Equal([(Grain, Grain)], await BetweenAsync(machine, "a", "b"));
        Assert.Equal([(Grain, Grain), (3 * Grain, Grain)], await BetweenAsync(machine, "a", "c"));
        Assert.Equal([(Grain, Grain), (3 * Grain, Grain)], await BetweenAsync(machine, "c", "a"));
        Assert.Empty(await BetweenAsync(machine, "b", "b"));
        VMChangedBlockMeasure measure = Assert.Single(await machine.Engine.MeasureChangedBlocksAsync(TestMachine.Name, "c", "a", [], machine.Report, CancellationToken.None));
        Assert.Equal(("c", "a", 2 * Grain, 2, Size), (measure.Since, measure.To, measure.Bytes, measure.Count, measure.DiskSize));
        Assert.All(await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, "a", "c", [], machine.Report, CancellationToken.None), block => Assert.Equal("Written", block.Kind));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WithoutSidecarsTheBitmapsServe(bool running)
    {
        await using TestMachine machine = await LineAsync(running);
        Directory.Delete(Path.Combine(machine.StateDirectory, "segments"), recursive: true);
        Assert.Equal([(Grain, Grain), (3 * Grain, Grain)], await BetweenAsync(machine, "c", "a"));
        Assert.Equal([(Grain, Grain), (3 * Grain, Grain), (5 * Grain, Grain)], await machine.ChangesAsync("a"));
    }

    [SkippableFact]
    public async Task ThePastIsToldWhileTheMachineCannotBeAskedAtAll()
    {
        await using TestMachine machine = await LineAsync(running: false);
        File.Move(machine.DiskPath("vda"), machine.DiskPath("away"));
        Assert.Equal([(Grain, Grain)], await BetweenAsync(machine, "b", "a"));
        File.Move(machine.DiskPath("away"), machine.DiskPath("vda"));
    }

    [SkippableFact]
    public async Task AMomentThatCoversAnotherDiskIsRefusedByName()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.CheckpointAsync("a", "vda");
        await machine.CheckpointAsync("b", "vdb");
        foreach (string[] disks in (string[][])[[], ["vda"]])
            Assert.Equal(OperationErrors.DiskNotCovered, (await Assert.ThrowsAsync<MomentException>(
                () => machine.Engine.GetChangedBlocksAsync(TestMachine.Name, "a", "b", disks, machine.Report, CancellationToken.None))).ErrorId);
    }

    /// <summary>When a disk full of data is made smaller and larger again: between which two of the three moments, and whether sidecars are there.</summary>
    [SkippableTheory]
    [InlineData(true, 0, true)]
    [InlineData(true, 0, false)]
    [InlineData(true, 1, true)]
    [InlineData(true, 1, false)]
    [InlineData(true, 2, true)]
    [InlineData(true, 2, false)]
    [InlineData(false, 0, true)]
    [InlineData(false, 0, false)]
    [InlineData(false, 1, true)]
    [InlineData(false, 1, false)]
    [InlineData(false, 2, true)]
    [InlineData(false, 2, false)]
    public async Task ADiskThatWasSmallerMeanwhileNeverGivesTooLittle(bool running, int when, bool sidecars)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Size);
        Dictionary<string, byte[]> content = new(StringComparer.Ordinal);
        for (int step = 0; step < 3; step++)
        {
            string name = $"{(char)('a' + step)}";
            await machine.CheckpointAsync(name);
            await FlushAsync(machine);
            content[name] = machine.Content(machine.DiskPath("vda"));
            await machine.WriteAsync("vda", (byte)(2 + step), Size - ((step + 1) * 2 * Grain), Grain);
            if (step == when)
            {
                await machine.ResizeAsync(running, Size / 2);
                await machine.ResizeAsync(running, Size);
            }
        }

        await FlushAsync(machine);
        byte[] now = machine.Content(machine.DiskPath("vda"));
        if (!sidecars)
            Directory.Delete(Path.Combine(machine.StateDirectory, "segments"), recursive: true);
        foreach (string from in content.Keys)
        {
            AssertLargeEnough(content[from], now, await ToldAsync(() => machine.ChangesAsync(from)), $"{from} to now");
            foreach (string to in content.Keys)
                AssertLargeEnough(content[from], content[to], await ToldAsync(() => BetweenAsync(machine, from, to)), $"{from} to {to}");
        }
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ThatItWasSmallerIsNotForgottenWhereAMomentIsRemoved(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Size);
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 2, 0, Grain);
        await machine.CheckpointAsync("b");
        await machine.ResizeAsync(running, Size / 2);
        await machine.ResizeAsync(running, Size);
        await machine.RemoveAsync("b");
        await machine.CheckpointAsync("c");
        IReadOnlyList<(long Offset, long Length)> told = await BetweenAsync(machine, "a", "c");
        Assert.Equal((0, Grain), told[0]);
        Assert.True(told[1].Offset <= Size / 2 && told[1].Offset + told[1].Length == Size, string.Join(' ', told));
        Assert.Empty(await machine.ChangesAsync("c"));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ThatItWasSmallerIsNotForgottenWhereACheckpointIsTakenBack(bool running)
    {
        string? cancelAt = null;
        await using TestMachine machine = await TestMachine.CreateAsync(step =>
        {
            if (step == cancelAt)
                throw new OperationCanceledException();
        });
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Size);
        await machine.CheckpointAsync("a");
        await machine.ResizeAsync(running, Size / 2);
        await machine.ResizeAsync(running, Size);
        cancelAt = "checkpoint-create:capture";
        await Assert.ThrowsAsync<OperationCanceledException>(() => machine.CheckpointAsync("b"));
        cancelAt = null;
        Assert.Contains(await machine.ChangesAsync("a"), run => run.Offset <= Size / 2 && run.Offset + run.Length == Size);
        await machine.CheckpointAsync("c");
        Assert.Contains(await BetweenAsync(machine, "a", "c"), run => run.Offset <= Size / 2 && run.Offset + run.Length == Size);
        Assert.Empty(await machine.ChangesAsync("c"));
    }

    private static async Task FlushAsync(TestMachine machine) => await machine.IoAsync("vda", "flush");

    // "Unknown" is never too little.
    private static async Task<IReadOnlyList<(long Offset, long Length)>?> ToldAsync(Func<Task<IReadOnlyList<(long, long)>>> ask)
    {
        try
        {
            return await ask();
        }
        catch (MomentException unknown) when (unknown.ErrorId == OperationErrors.ChangesUnknown)
        {
            return null;
        }
    }

    private static void AssertLargeEnough(byte[] then, byte[] now, IReadOnlyList<(long Offset, long Length)>? told, string where)
    {
        for (int at = 0; told is not null && at < Math.Max(then.Length, now.Length); at += (int)Grain)
            if (!then.AsSpan(at, (int)Grain).SequenceEqual(now.AsSpan(at, (int)Grain)))
                Assert.True(told.Any(run => run.Offset <= at && at + Grain <= run.Offset + run.Length), $"{where}: block {at / Grain} differs and is not told");
    }

    private static async Task<IReadOnlyList<(long Offset, long Length)>> BetweenAsync(TestMachine machine, string from, string to) =>
        [.. (await machine.Engine.GetChangedBlocksAsync(TestMachine.Name, from, to, ["vda"], machine.Report, CancellationToken.None)).Select(run => (run.Offset, run.Length))];

    private static async Task<TestMachine> LineAsync(bool running)
    {
        TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        for (int step = 0; step < 3; step++)
        {
            await machine.CheckpointAsync($"{(char)('a' + step)}");
            await machine.WriteAsync("vda", 1, ((2 * step) + 1) * Grain, 4096);
        }

        return machine;
    }
}
