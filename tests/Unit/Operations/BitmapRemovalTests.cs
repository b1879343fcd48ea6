using MomentTools.Operations;
using MomentTools.Tests.Support;
using MomentTools.Xml;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations;

[Trait("Proof", "crash")]
public sealed class BitmapRemovalTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AForeignOneGoesAndOursStay(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vda"), "stray");
        await machine.CheckpointAsync("a");
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        Assert.Equal(VMBitmapState.Foreign, (await BitmapsAsync(machine)).Single(bitmap => bitmap.Name == "stray").State);
        await RemoveAsync(machine, "stray");
        Assert.DoesNotContain(await BitmapsAsync(machine), bitmap => bitmap.Name == "stray");
        Assert.Equal([(0, Grain)], await machine.ChangesAsync("a"));
        if (running)
            await machine.StopAsync();
        Assert.DoesNotContain("stray", Tool.Run("qemu-img", "info", machine.DiskPath("vda")), StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OursAreRefusedWithTheWayToGo(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.CheckpointAsync("b");
        if (running)
            await machine.StartAsync();
        foreach (VMBitmap bitmap in await BitmapsAsync(machine))
        {
            Assert.NotNull(bitmap.Owner);
            Assert.Contains("Remove-VMMoment", (await Expect.FailsAsync(OperationErrors.BitmapOwned, () => RemoveAsync(machine, bitmap.Name))).Advice, StringComparison.Ordinal);
        }

        await Expect.FailsAsync(OperationErrors.BitmapNotFound, () => RemoveAsync(machine, "nosuch"));
        await Expect.FailsAsync(XmlErrors.DiskNotInDomain, () => machine.Engine.RemoveBitmapAsync(TestMachine.Name, "vdz", "a", machine.Report, CancellationToken.None));
        Assert.All(await machine.MomentsAsync(), moment => Assert.Equal("OK", moment.Health));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
    }

    [SkippableFact]
    public async Task AnInconsistentOneGoesToo()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vda"), "stray");
        await machine.StartAsync();
        await machine.KillMachineAsync();
        Assert.Equal(VMBitmapState.Inconsistent, Assert.Single(await BitmapsAsync(machine)).State);
        await RemoveAsync(machine, "stray");
        Assert.Empty(await BitmapsAsync(machine));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatLiesInAFrozenLayerIsShownAndRefused(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string below = Path.Combine(machine.Scratch, "below.qcow2");
        Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vda"), "old");
        File.Move(machine.DiskPath("vda"), below);
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", "qcow2", machine.DiskPath("vda"));
        Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vda"), "new");
        if (running)
            await machine.StartAsync();
        IReadOnlyList<VMBitmap> bitmaps = await BitmapsAsync(machine);
        Assert.Equal([("new", machine.DiskPath("vda"), false), ("old", below, true)], bitmaps.Select(bitmap => (bitmap.Name, bitmap.Path, bitmap.Frozen)));
        Assert.All(bitmaps, bitmap => Assert.Equal((VMBitmapState.Foreign, null, Grain), (bitmap.State, bitmap.Owner, bitmap.Granularity)));
        byte[] before = await File.ReadAllBytesAsync(below);
        Assert.Contains(below, (await Expect.FailsAsync(OperationErrors.BitmapFrozen, () => RemoveAsync(machine, "old"))).Message, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(below));
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableFact]
    public async Task AProcessKilledAtAnyStepLeavesItThereOrNot()
    {
        HashSet<bool> seen = [];
        await CrashHarness.RunAsync(output, "remove-bitmap", async (step, where) =>
        {
            await using TestMachine machine = await TestMachine.CreateAsync();
            Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vda"), "stray");
            await machine.CheckpointAsync("a");
            await machine.WriteAsync("vda", 1, 0, Grain);
            bool died = machine.Dies(step, "remove-bitmap", "stray");
            await machine.CheckpointAsync("b");
            bool there = (await BitmapsAsync(machine)).Any(bitmap => bitmap.Name == "stray");
            seen.Add(there);
            Assert.All(await machine.MomentsAsync(), moment => Assert.Equal("OK", moment.Health));
            Assert.Equal([(0, Grain)], await machine.ChangesAsync("a"));
            if (there)
                await RemoveAsync(machine, "stray");
            return died;
        }, each: true);
        Assert.Equal(2, seen.Count);
    }

    private static Task RemoveAsync(TestMachine machine, string name) =>
        machine.Engine.RemoveBitmapAsync(TestMachine.Name, "vda", name, machine.Report, CancellationToken.None);

    private static Task<IReadOnlyList<VMBitmap>> BitmapsAsync(TestMachine machine) =>
        machine.Engine.GetBitmapsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None);
}
