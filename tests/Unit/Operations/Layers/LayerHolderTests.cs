using System.Security.Cryptography;
using MomentTools.Operations.Layers;
using MomentTools.Tests.Support;
using static MomentTools.Tests.Operations.Layers.LayerTreeTests;

namespace MomentTools.Tests.Operations.Layers;

/// <summary>What stands on a layer, or may, keeps it: an image of somebody else's, one that cannot be read, an internal snapshot, a snapshot whose file is broken.</summary>
public sealed class LayerHolderTests
{
    [SkippableFact]
    public async Task ALayerThatAStrangerStandsOnStays()
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        await machine.WriteAsync(1, 0, 8);
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(2, 4, 8);
        string strange = Path.Combine(machine.Machine.Scratch, "somebody.e1");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", machine.Machine.DiskPath(LayerMachine.Disk), "-F", "qcow2", strange);
        byte[] seen = machine.Read(strange);
        CollectorOutcome outcome = await machine.ForgetAsync("one");
        Assert.Empty(outcome.Removed);
        Assert.Contains(strange, Assert.Single(outcome.Stays).Step.Reason, StringComparison.Ordinal);
        Assert.Equal(seen, machine.Read(strange));
        File.Delete(strange);
        Assert.Single((await machine.CollectAsync()).Removed);
        await machine.AssertSoundAsync("merged");
    }

    [SkippableFact]
    public async Task AnImageThatCannotBeReadHoldsEverythingBack()
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        await machine.SnapshotAsync("one");
        string broken = Path.Combine(machine.Machine.Scratch, "broken.img");
        await File.WriteAllBytesAsync(broken, [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 9]);
        CollectorOutcome outcome = await machine.ForgetAsync("one");
        Assert.Contains("broken.img", Assert.Single(outcome.Stays).Step.Reason, StringComparison.Ordinal);
        Assert.Empty(outcome.Removed);
    }

    // virt-manager 811: an external snapshot whose parent is an internal one was deleted, and libvirt deleted the base image with it.
    [SkippableTheory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task ABaseWithAnInternalSnapshotIsNeverLost(bool running, bool internalAbove)
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        await machine.WriteAsync(1, 0, 8);
        if (!internalAbove)
            Tool.Run("qemu-img", "snapshot", "-c", "inside", machine.Machine.DiskPath(LayerMachine.Disk));
        await machine.WriteAsync(2, 4, 8);
        await machine.SnapshotAsync("outside");
        await machine.WriteAsync(3, 8, 8);
        if (internalAbove)
            Tool.Run("qemu-img", "snapshot", "-c", "inside", machine.ActivePath);
        await machine.WriteAsync(4, 9, 8);
        if (running)
            await machine.Machine.StartAsync();
        string holder = internalAbove ? machine.ActivePath : machine.Machine.DiskPath(LayerMachine.Disk);
        IReadOnlyList<VMMoment> gone = await machine.Engine.RemoveSnapshotsAsync(
            TestMachine.Name, new RemoveSnapshotRequest { Name = "outside", UndoFor = TimeSpan.Zero }, machine.Machine.Report, CancellationToken.None);
        Assert.Single(gone);
        Assert.Contains(machine.Machine.Report.Warnings, warning => warning.Contains("internal snapshots", StringComparison.Ordinal));
        Assert.True(File.Exists(holder));
        await machine.AssertSoundAsync("outside is gone");
        if (running)
            await machine.Machine.StopAsync();
        Tool.Run("qemu-img", "snapshot", "-a", "inside", Copy(machine, holder));
    }

    [SkippableFact]
    public async Task WhatSomebodyPutOnAMergedLayerReadsAsBefore()
    {
        await using LayerMachine machine = await LayerMachine.CreateAsync();
        await machine.WriteAsync(1, 0, 8);
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(2, 4, 8);
        await machine.SnapshotAsync("two");
        await machine.WriteAsync(3, 0, 16);
        string theirs = Path.Combine(machine.Machine.Scratch, "theirs.img"), held = machine.PathOf("two");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", held, "-F", "qcow2", theirs);
        byte[] before = machine.Read(theirs);
        CollectorOutcome first = await machine.ForgetAsync("one");
        Assert.Equal([held], first.Stays.Select(stay => stay.Step.Layer.Path));
        Assert.Equal(before, machine.Read(theirs));
        CollectorOutcome second = await machine.ForgetAsync("two");
        Assert.Equal(before, machine.Read(theirs));
        Assert.Empty(second.Removed);
        Assert.Contains(second.Stays, stay => stay.Step.Layer.Path == machine.Machine.DiskPath(LayerMachine.Disk) && stay.Step.Reason!.Contains($"'{held}' stands on it", StringComparison.Ordinal));
        File.Delete(theirs);
        Assert.Empty((await machine.CollectAsync()).Stays);
        await machine.AssertSoundAsync("without theirs");
        Assert.Equal(machine.Machine.DiskPath(LayerMachine.Disk), machine.ActivePath);
    }

    [SkippableFact]
    public async Task WhatASnapshotNeedsWhoseFileWasSetAsideStays()
    {
        await using LayerMachine machine = await ForkedAsync();
        Dictionary<string, string> images = machine.Tracking.Layers.Values.ToDictionary(layer => layer.Path, layer => Convert.ToHexString(SHA256.HashData(machine.Read(layer.Path))), StringComparer.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(machine.Place.StateDirectory, "snapshots", "one.xml"), "garbage");
        await machine.Engine.RepairMomentsAsync(TestMachine.Name, new RepairMomentRequest(), machine.Machine.Report, CancellationToken.None);
        Assert.Empty((await machine.CollectAsync(new CollectorLimits { Merge = true, Pull = true })).Removed);
        foreach ((string image, string hash) in images)
            Assert.Equal(hash, Convert.ToHexString(SHA256.HashData(machine.Read(image))));
        Assert.Contains(machine.Machine.Report.Warnings, warning => warning.Contains("was set aside", StringComparison.Ordinal));
        Directory.Delete(Path.Combine(machine.Place.StateDirectory, "broken"), recursive: true);
        Assert.NotEmpty((await machine.CollectAsync(new CollectorLimits { Merge = true, Pull = true })).Removed);
    }

    private static string Copy(LayerMachine machine, string path)
    {
        string copy = Path.Combine(machine.Machine.Scratch, "copy.img");
        File.Copy(path, copy);
        foreach (string line in Tool.Run("qemu-img", "info", "--output=json", copy).Split('\n').Where(line => line.Contains("\"name\": \"", StringComparison.Ordinal)))
            if (line.Split('"')[3] is { } name && name != "inside")
                Tool.TryRun("qemu-img", "bitmap", "--remove", copy, name);
        return copy;
    }
}
