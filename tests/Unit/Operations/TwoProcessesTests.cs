using System.Globalization;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Two processes change one machine at the same time: row B7.</summary>
public sealed class TwoProcessesTests
{
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task BothSucceedOneAfterTheOther(bool running)
    {
        const long grain = 65536;
        const int never = 0;
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("first");
        await machine.WriteAsync("vda", 1, 0, grain);
        (int Exit, string Output, string Error)[] ended = await Task.WhenAll(((string[])["left", "right"]).Select(name => Task.Run(() => Tool.TryRun(
            "dotnet", Path.Combine(AppContext.BaseDirectory, "MomentTools.CrashRunner.dll"), Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run"),
            TestMachine.Name, never.ToString(CultureInfo.InvariantCulture), "checkpoint", name))));

        Assert.All(ended, one => Assert.True(one.Exit == 0, one.Error));
        IReadOnlyList<VMMoment> moments = await machine.MomentsAsync();
        Assert.Equal(3, moments.Count);
        Assert.Equal([null, "first", moments[1].Name], moments.Select(moment => moment.Parent));
        Assert.Equal([(0, grain)], await machine.ChangesAsync("first"));
        Assert.Empty(await machine.ChangesAsync("left"));
        Assert.Empty(await machine.ChangesAsync("right"));
    }
}
