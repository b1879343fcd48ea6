using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>Disks that are smaller or larger in the snapshot, that nothing records, that only some snapshots cover; bitmaps and sidecars that are not what they were.</summary>
public sealed class InternalRestoreOddTests
{
    private const long Grain = 65536;
    private const long Small = TestMachine.DiskSize, Large = 96 << 20;

    [SkippableTheory]
    [InlineData("memory", true)]
    [InlineData("disks", true)]
    [InlineData("disks", false)]
    [InlineData("off", true)]
    [InlineData("off", false)]
    public async Task ADiskOfAnotherSizeIsThatSizeAgainAndEveryAnswerIsLargeEnough(string kind, bool grow)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(grow ? Small : Large, discard: false, null, ["vda"]);
        var hand = new InternalHand(machine);
        if (kind != "off")
            await machine.StartAsync();
        InternalRestoreOptions options = new() { Goal = kind == "off" ? null : VMState.Paused };
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 2, Small - Grain, Grain);
        await hand.TakeAsync("clean", memory: kind == "memory");
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        await machine.CheckpointAsync("after");
        await machine.ResizeAsync(kind != "off", grow ? Large : Small);
        await machine.WriteAsync("vda", 4, 3 * Grain, Grain);

        await hand.RestoreAsync("clean", options);

        Assert.Equal(grow ? Small : Large, machine.Content(machine.DiskPath("vda")).Length);
        await machine.WriteAsync("vda", 5, 7 * Grain, Grain);
        long last = (Small / Grain) - 1;
        Assert.Equal([7, last], await hand.BetweenAsync("before", null));
        Assert.Equal([7], await hand.BetweenAsync("clean", null));
        Assert.Equal([2, 7], await hand.BetweenAsync("after", null));
        await machine.CheckpointAsync("later");
        Assert.Equal([7, last], await hand.BetweenAsync("before", "later"));

        await hand.SwitchAsync(hand.State.Kept.Single().Branch!, options);
        Assert.Equal(grow ? Large : Small, machine.Content(machine.DiskPath("vda")).Length);
        Assert.Equal(4, await hand.ByteAsync(3 * Grain));
        IReadOnlyList<long> changed = await hand.BetweenAsync("after", null);
        Assert.Contains(3, changed);
        if (grow)
            Assert.Equal((Large - Small) / Grain, changed.Count(block => block > last));
        Assert.Contains(7, await hand.BetweenAsync("later", null));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ASnapshotOfSomeDisksLeavesTheOthersWhereTheyAre(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        var hand = new InternalHand(machine);
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("before");
        await hand.TakeAsync("clean", memory: false, "vda");
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        await machine.WriteAsync("vdb", 4, 3 * Grain, Grain);

        await hand.RestoreAsync("clean", new InternalRestoreOptions { Branch = "try", Goal = running ? VMState.Paused : null });

        Assert.Equal(0, await hand.ByteAsync(2 * Grain));
        Assert.Equal(4, await hand.ByteAsync(3 * Grain, "vdb"));
        Assert.Equal([3], await hand.BetweenAsync("before", null, "vdb"));
        Assert.Empty(await hand.BetweenAsync("before", null));
        Assert.Equal(("try", "main"), (hand.State.Disk("vda").ActiveBranch, hand.State.Disk("vdb").ActiveBranch));
        await machine.WriteAsync("vdb", 5, 5 * Grain, Grain);
        await hand.SwitchAsync("main", new InternalRestoreOptions { Goal = running ? VMState.Paused : null });
        Assert.Equal(3, await hand.ByteAsync(2 * Grain));
        Assert.Equal([3, 5], await hand.BetweenAsync("before", null, "vdb"));
    }

    [SkippableFact]
    public async Task ASidecarThatIsGoneIsReadAnewFromItsBitmapWhileThatIsThere()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var hand = new InternalHand(machine);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 2, Grain, Grain);
        await hand.TakeAsync("clean");
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        await machine.CheckpointAsync("after");
        Directory.Delete(Path.Combine(machine.StateDirectory, "segments"), recursive: true);

        await hand.RestoreAsync("clean");

        Assert.Equal([1], await hand.BetweenAsync("before", null));
        Assert.Equal([1, 2], await hand.BetweenAsync("before", "after"));
        Assert.Equal([2], await hand.BetweenAsync("after", null));
    }

    [SkippableFact]
    public async Task WhatIsNowhereAnyMoreIsUnknownAndSaysSo()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var hand = new InternalHand(machine);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 2, Grain, Grain);
        await hand.TakeAsync("clean");
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        await machine.CheckpointAsync("after");
        Directory.Delete(Path.Combine(machine.StateDirectory, "segments"), recursive: true);
        Tool.Run("qemu-img", "bitmap", "--remove", machine.DiskPath("vda"), "before");

        await hand.RestoreAsync("clean");

        Assert.Equal([2], await hand.BetweenAsync("after", null));
        MomentException unknown = await Assert.ThrowsAsync<MomentException>(() => hand.BetweenAsync("before", null));
        Assert.Equal(OperationErrors.ChangesUnknown, unknown.ErrorId);
        Assert.Contains("'before' is not in the image any more", unknown.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AfterACrashInconsistentBitmapsAreNoObstacle()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var hand = new InternalHand(machine);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 2, Grain, Grain);
        await hand.TakeAsync("clean");
        await machine.StartAsync();
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        await machine.CheckpointAsync("after");
        await machine.WriteAsync("vda", 4, 3 * Grain, Grain);
        await machine.KillMachineAsync();
        await machine.StartAsync();

        await hand.RestoreAsync("clean", new InternalRestoreOptions { Goal = VMState.Paused });

        Assert.Equal([1], await hand.BetweenAsync("before", null));
        Assert.Equal([2], await hand.BetweenAsync("after", null));
        Assert.Equal([1, 2], await hand.BetweenAsync("before", "after"));
        await hand.SwitchAsync(hand.State.Kept.Single().Branch!, new InternalRestoreOptions { Goal = VMState.Paused });
        Assert.Equal(OperationErrors.ChangesUnknown, (await Assert.ThrowsAsync<MomentException>(() => hand.BetweenAsync("after", null))).ErrorId);
        await machine.CheckpointAsync("later");
        await machine.WriteAsync("vda", 5, 5 * Grain, Grain);
        Assert.Equal([5], await hand.BetweenAsync("later", null));
    }

    [SkippableFact]
    public async Task ASnapshotThatNothingWasRecordedForLeavesWhatCameBeforeUnknown()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var hand = new InternalHand(machine);
        await hand.TakeAsync("clean");
        // All that is known of the disk goes, and begins anew; the snapshot's document stays.
        File.Delete(Path.Combine(machine.StateDirectory, "disks.xml"));
        Directory.Delete(Path.Combine(machine.StateDirectory, "branches"), recursive: true);
        string file = Path.Combine(machine.StateDirectory, "snapshots", "clean.xml");
        var document = XDocument.Load(file);
        document.Root!.Elements().Where(element => element.Name.NamespaceName.Length > 0).Descendants().Where(element => element.Name.LocalName == "disk").Remove();
        document.Save(file);
        await machine.CheckpointAsync("after");
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);

        await hand.RestoreAsync("clean", new InternalRestoreOptions { UndoFor = TimeSpan.Zero });

        Assert.Equal(0, await hand.ByteAsync(2 * Grain));
        Assert.Equal(OperationErrors.ChangesUnknown, (await Assert.ThrowsAsync<MomentException>(() => hand.BetweenAsync("after", null))).ErrorId);
        await machine.CheckpointAsync("later");
        await machine.WriteAsync("vda", 5, 5 * Grain, Grain);
        Assert.Equal([5], await hand.BetweenAsync("later", null));
    }
}
