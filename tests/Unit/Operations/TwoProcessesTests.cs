using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Tests.Operations;

/// <summary>Two processes, and eight, change one machine at the same time: row B7.</summary>
public sealed class TwoProcessesTests
{
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task BothSucceedOneAfterTheOther(bool running)
    {
        const long grain = 65536;
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("first");
        await machine.WriteAsync("vda", 1, 0, grain);
        (int Exit, string Printed, string Error)[] ended = await Task.WhenAll(((string[])["left", "right"]).Select(name => Task.Run(() => CrashHarness.Run(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run"), TestMachine.Name, 0, "checkpoint", name))));

        Assert.All(ended, one => Assert.True(one.Exit == 0, one.Error));
        IReadOnlyList<VMMoment> moments = await machine.MomentsAsync();
        Assert.Equal(3, moments.Count);
        Assert.Equal([null, "first", moments[1].Name], moments.Select(moment => moment.Parent));
        Assert.Equal([(0, grain)], await machine.ChangesAsync("first"));
        Assert.Empty(await machine.ChangesAsync("left"));
        Assert.Empty(await machine.ChangesAsync("right"));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task EightThatMakeRemoveAndListLoseNothingAndDoubleNothing(bool running)
    {
        const long grain = TestFleet.Grain;
        await using TestFleet fleet = await TestFleet.CreateAsync(null, channel: false, "a");
        if (running)
            await fleet.StartAsync("a");
        await fleet.CheckpointAsync("a", "first");
        await fleet.WriteAsync("a", 1, 0);
        string[] writers = [.. Enumerable.Range(1, 8).Select(number => $"w{number}")];
        (int Exit, string Printed, string Error)[] ended = await Task.WhenAll(writers.Select(writer => Task.Run(() => fleet.RunApart("a", "mixed", writer))));

        Assert.All(ended, one => Assert.True(one.Exit == 0, one.Error));
        Assert.All(ended, one => Assert.Equal("", one.Error));
        IReadOnlyList<VMMoment> moments = await fleet.MomentsAsync("a");
        Assert.Equal(
            writers.SelectMany(writer => (string[])[$"{writer}-1", $"{writer}-3"]).Append("first").Order(StringComparer.Ordinal),
            moments.Select(moment => moment.Name).Order(StringComparer.Ordinal));
        // One line: each has its own parent.
        Assert.Equal(moments.Count, moments.Select(moment => moment.Parent).Distinct().Count());
        Assert.Single(moments, moment => moment.Current);
        Assert.All(moments, moment => Assert.Equal("OK", moment.Health));
        Assert.Equal([(0, grain)], await fleet.ChangesAsync("a", "first"));
        foreach (VMMoment moment in moments.Where(moment => moment.Name != "first"))
            Assert.Empty(await fleet.ChangesAsync("a", moment.Name));
        await fleet.WriteAsync("a", 2, 4 * grain);
        Assert.Equal([(0, grain), (4 * grain, grain)], await fleet.ChangesAsync("a", "first"));
        await fleet.AssertNothingLeftAsync("after");
        IReadOnlyList<VMBitmap> bitmaps = await fleet.Engine.GetBitmapsAsync("a", [], fleet.Report, CancellationToken.None);
        Assert.Single(bitmaps, bitmap => bitmap.State == VMBitmapState.Recording);
    }

    [SkippableFact]
    public async Task WhoWaitsInVainIsToldByWhom()
    {
        using var inside = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        await using TestFleet fleet = await TestFleet.CreateAsync(
            step =>
            {
                if (step != "checkpoint-create:transaction")
                    return;
                inside.Set();
                go.Wait(TimeSpan.FromMinutes(2));
            }, channel: false, "a");
        var hasty = new MomentEngine(new MomentEngineOptions { StateRoot = fleet.StateRoot, RuntimeRoot = fleet.RuntimeRoot, LockTimeout = TimeSpan.FromSeconds(1.2) });
        Task<VMCheckpoint> slow = Task.Run(() => fleet.CheckpointAsync("a", "slow"));
        Assert.True(inside.Wait(TimeSpan.FromMinutes(2)));
        long start = Environment.TickCount64;
        MomentException busy = await Assert.ThrowsAsync<MomentException>(() => hasty.RemoveMomentsAsync("a", new RemoveMomentRequest { Name = "slow" }, fleet.Report, CancellationToken.None));
        Assert.InRange(Environment.TickCount64 - start, 1150, 60_000);
        go.Set();
        await slow;

        Assert.Equal(FileErrors.LockBusy, busy.ErrorId);
        Assert.Matches($"^Cannot begin 'Remove-VMMoment': .* process {Environment.ProcessId} holds it for 'New-VMCheckpoint' since [1-9][0-9]* seconds\\.$", busy.Message);
        Assert.Equal("slow", (await fleet.MomentsAsync("a")).Single().Name);
    }
}
