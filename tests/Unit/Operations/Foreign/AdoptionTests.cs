using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Operations.Foreign;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Foreign;

/// <summary>Foreign bitmaps become checkpoints, and everything goes on from there.</summary>
public sealed class AdoptionTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ABitmapOfAnotherProgramBecomesACheckpoint(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        if (running)
            await machine.StartAsync();
        await machine.ForeignAsync("one");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.ForeignAsync("two");
        await machine.ForeignAsync("two", "vdb");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.WriteAsync("vdb", 2, 3 * Grain, Grain);
        Assert.Equal(["one", "two"], (await machine.AdoptAsync("one", "two")).Select(moment => moment.Name));
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        Assert.Equal([(0, Grain), (2 * Grain, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("one"));
        Assert.Equal([(2 * Grain, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("two"));
        Assert.Equal([(3 * Grain, Grain)], await machine.ChangesAsync("two", "vdb"));
        // Between two of theirs nothing tighter is known than what the older one recorded.
        Assert.Equal([(0, Grain), (2 * Grain, Grain)], await machine.BetweenAsync("one", "two"));
        Assert.Equal(1, (await machine.MomentsAsync()).Count(moment => moment.Current));

        await machine.CheckpointAsync("three");
        await machine.WriteAsync("vda", 4, 6 * Grain, Grain);
        Assert.Equal("two", (await machine.MomentsAsync()).Single(moment => moment.Name == "three").Parent);
        Assert.Equal([(2 * Grain, Grain), (4 * Grain, Grain)], await machine.BetweenAsync("two", "three"));
        Assert.All(await machine.MomentsAsync(), moment => Assert.Equal("OK", moment.Health));
        Assert.Empty(await machine.TestAsync());

        await machine.RemoveAsync("one");
        await machine.RemoveAsync("two");
        Assert.Equal([(6 * Grain, Grain)], await machine.ChangesAsync("three"));
        await machine.RemoveAsync("three");
        Assert.Empty(await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None));
    }

    [SkippableFact]
    public async Task WhatWasTrackedBeforeGoesOn()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("own");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.ForeignAsync("theirs");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        VMMoment adopted = Assert.Single(await machine.AdoptAsync(new ImportBitmapsRequest { Bitmaps = Only("theirs"), Name = "ours", Description = "said", Created = DateTimeOffset.UtcNow }));
        Assert.Equal(("ours", "own", "said"), (adopted.Name, adopted.Parent, adopted.Description));
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        Assert.Equal([(0, Grain), (2 * Grain, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("own"));
        Assert.Equal([(2 * Grain, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("ours"));
        IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
        Assert.DoesNotContain(bitmaps, bitmap => bitmap.Name == "theirs" || bitmap.State == VMBitmapState.Foreign);
        Assert.Equal("ours", bitmaps.Single(bitmap => bitmap.Name == "ours").Owner);

        await machine.RemoveAsync("ours");
        Assert.Equal([(0, Grain), (2 * Grain, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("own"));
        Assert.DoesNotContain(await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None), bitmap => bitmap.Name == "ours");
    }

    [SkippableTheory]
    [InlineData(4096)]
    [InlineData(1 << 20)]
    public async Task AnotherGranularityIsRoundedOut(long granularity)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.ForeignAsync("theirs", granularity: granularity);
        await machine.WriteAsync("vda", 1, 2 * Grain + 8192, 4096);
        await machine.AdoptAsync("theirs");
        // Data and zeroes are told apart, but all of it is there.
        IReadOnlyList<(long Offset, long Length)> found = await machine.ChangesAsync("theirs");
        Assert.Equal(granularity < Grain ? (2 * Grain, Grain) : (0, granularity), (found[0].Offset, found.Sum(run => run.Length)));
        await machine.BackupAsync();
        Assert.Equal("OK", (await machine.MomentsAsync())[0].Health);
    }

    [SkippableFact]
    public async Task WhatIsNotKnownIsRefusedByName()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.ForeignAsync("off");
        Tool.Run("qemu-img", "bitmap", "--disable", "-f", "qcow2", machine.DiskPath("vda"), "off");
        await RefusedAsync(machine, ForeignErrors.BitmapNotAdoptable, "off");
        await RefusedAsync(machine, OperationErrors.BitmapNotFound, "none");
        await machine.CheckpointAsync("own");
        await RefusedAsync(machine, MomentTools.Moments.MomentErrors.MomentExists, "own");
        MomentException owned = await Assert.ThrowsAsync<MomentException>(() => machine.AdoptAsync(new ImportBitmapsRequest { Bitmaps = Only("own"), Name = "new" }));
        Assert.Equal(OperationErrors.BitmapOwned, owned.ErrorId);

        await machine.StartAsync();
        await machine.ForeignAsync("broken");
        await machine.StopAsync();
        await machine.StartAsync();
        await machine.KillMachineAsync();
        await RefusedAsync(machine, ForeignErrors.BitmapNotAdoptable, "broken");
    }

    private static async Task RefusedAsync(TestMachine machine, ErrorId id, string bitmap)
    {
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => machine.AdoptAsync(bitmap));
        Assert.Equal(id, failure.ErrorId);
        Assert.Contains($"'{bitmap}'", failure.Message, StringComparison.Ordinal);
    }

    private static Dictionary<string, IReadOnlyList<string>> Only(string bitmap) => new(StringComparer.Ordinal) { [bitmap] = [] };
}
