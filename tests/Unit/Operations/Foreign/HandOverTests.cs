using MomentTools.Errors;
using MomentTools.Operations.Foreign;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Foreign;

/// <summary>All moments go over to libvirt and come back, and no write is missed on the way.</summary>
public sealed class HandOverTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EachBitmapThenRecordsFromItsCheckpointUntilNow(bool running)
    {
        await using TestMachine machine = await PastAsync(running);
        IReadOnlyList<VMMomentDocument> written = await machine.HandOverAsync();
        Assert.Equal(["a", "b", "c"], written.Select(document => document.Name));
        Assert.All(written, document => Assert.True(File.Exists(document.Path)));
        Assert.Empty(await machine.MomentsAsync());
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "segments")));
        await machine.WriteAsync("vda", 4, 6 * Grain, Grain);
        IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, ["vda"], machine.Report, CancellationToken.None);
        Assert.Equal([("a", 4 * Grain), ("b", 3 * Grain), ("c", 2 * Grain)], bitmaps.Select(bitmap => (bitmap.Name, bitmap.Size!.Value)).Order());
        Assert.All(bitmaps, bitmap => Assert.True(bitmap is { Owner: null, State: VMBitmapState.Foreign } && bitmap.Flags.Contains(running ? "recording" : "auto", StringComparer.Ordinal)));

        await machine.Engine.ImportMomentsAsync(TestMachine.Name, new ImportMomentsRequest { Paths = [Path.Combine(machine.Scratch, "out")] }, machine.Report, CancellationToken.None);
        Assert.Equal("b", (await machine.MomentsAsync()).Single(moment => moment.Name == "c").Parent);
        await machine.CheckpointAsync("d");
        await machine.WriteAsync("vda", 5, 8 * Grain, Grain);
        Assert.Equal([(4 * Grain, Grain), (6 * Grain, Grain), (8 * Grain, Grain)], await machine.ChangesAsync("c"));
        Assert.Equal([(8 * Grain, Grain)], await machine.ChangesAsync("d"));
        Assert.Equal([(2 * Grain, Grain), (4 * Grain, Grain), (6 * Grain, Grain)], await machine.BetweenAsync("b", "d"));
        Assert.All(await machine.MomentsAsync(), moment => Assert.Equal("OK", moment.Health));
        Assert.Empty(machine.Report.Failures);
    }

    [SkippableFact]
    public async Task ABitmapThatIsGoneIsWrittenFromWhatWasSaved()
    {
        await using TestMachine machine = await PastAsync(running: false);
        Tool.Run("qemu-img", "bitmap", "--remove", "-f", "qcow2", machine.DiskPath("vda"), "a");
        await machine.HandOverAsync();
        IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, ["vda"], machine.Report, CancellationToken.None);
        Assert.Equal([("a", 3 * Grain), ("b", 2 * Grain), ("c", Grain)], bitmaps.Select(bitmap => (bitmap.Name, bitmap.Size!.Value)).Order());
    }

    [SkippableFact]
    public async Task WhatIsLostIsNamedAndNothingIsDone()
    {
        await using TestMachine machine = await PastAsync(running: false);
        Tool.Run("qemu-img", "bitmap", "--disable", "-f", "qcow2", machine.DiskPath("vda"), "c");
        byte[] before = File.ReadAllBytes(machine.DiskPath("vda"));
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => machine.HandOverAsync());
        Assert.Equal(ForeignErrors.HandOverImpossible, failure.ErrorId);
        Assert.Contains("'c'", failure.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(machine.Scratch, "out")));
        Assert.Equal(3, (await machine.MomentsAsync()).Count);
        Tool.Run("qemu-img", "bitmap", "--enable", "-f", "qcow2", machine.DiskPath("vda"), "c");
        Directory.CreateDirectory(Path.Combine(machine.Scratch, "out"));
        File.WriteAllText(Path.Combine(machine.Scratch, "out", "b.xml"), "mine");
        Assert.Equal(MomentTools.Files.FileErrors.FileExists, (await Assert.ThrowsAsync<MomentException>(() => machine.HandOverAsync())).ErrorId);
        Assert.Equal(before.Length, File.ReadAllBytes(machine.DiskPath("vda")).Length);
        Assert.Equal([(2 * Grain, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("b"));
    }

    [SkippableFact]
    public async Task WhatWasAdoptedGoesBackAsItCame()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.ForeignAsync("one");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.ForeignAsync("two");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.AdoptAsync("one", "two");
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await machine.HandOverAsync();
        IReadOnlyList<VMBitmap> bitmaps = await machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
        Assert.Equal([("one", 3 * Grain), ("two", 2 * Grain)], bitmaps.Select(bitmap => (bitmap.Name, bitmap.Size!.Value)).Order());
    }

    private static async Task<TestMachine> PastAsync(bool running)
    {
        TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("b");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.CheckpointAsync("c", "vda");
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        return machine;
    }
}
