using System.Globalization;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>
/// A disk that was smaller for a while: QEMU cut the closed bitmaps of its layer with it, and what they lost is never taken for unchanged, also
/// once the machine does not write to that layer any more and the saved copies are gone.
/// </summary>
public sealed class CutBitmapTests
{
    private const long Grain = 65536;
    private const long Small = TestMachine.DiskSize, Large = 96 << 20;

    [SkippableTheory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task WhatACutBitmapLostCountsAsChanged(bool closed, bool left)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(Large, discard: false, null, ["vda"]);
        var hand = new InternalHand(machine);
        await machine.SnapshotAsync("clean");
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.WriteAsync("vda", 2, Large - Grain, Grain);
        await machine.CheckpointAsync("b");
        long last = (Large / Grain) - 1;
        Assert.Equal([0, last], await hand.BetweenAsync("a", "b"));

        string path = await machine.ActivePathAsync("vda");
        foreach (long size in (long[])[Small, Large])
            Tool.Run("qemu-img", "resize", "-q", "-f", "qcow2", "--shrink", path, size.ToString(CultureInfo.InvariantCulture));
        // Where it is not closed, only the mark in the image tells that the disk was smaller.
        if (closed)
            await machine.CheckpointAsync("c");
        if (left)
            await machine.Engine.RestoreSnapshotAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = "clean", Branch = "other" }, machine.Report, CancellationToken.None);
        else
            await machine.SnapshotAsync("frozen");
        Directory.Delete(Path.Combine(machine.StateDirectory, "segments"), recursive: true);

        IReadOnlyList<long> changed = await hand.BetweenAsync("a", "b");
        Assert.Contains(0, changed);
        Assert.Contains(last, changed);
    }
}
