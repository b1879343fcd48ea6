using System.Globalization;
using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>Loads that QEMU refuses, at each stage at which it can, and what is refused beforehand: nothing is lost, and nothing is said that is not so.</summary>
public sealed class InternalRestoreFailureTests
{
    private const long Grain = 65536;

    private static readonly InternalRestoreOptions Paused = new() { Goal = VMState.Paused };

    [SkippableFact]
    public async Task ALoadThatIsRefusedLeavesTheMachineAndItsRecordAsTheyWere()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        var hand = new InternalHand(machine, step => At(step, "load", () => DeleteTag(machine, "vdb", "clean")));
        await PastAsync(machine, hand);

        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => hand.RestoreAsync("clean", Paused));

        Assert.Equal(ImageTipErrors.MemoryNotLoaded, refused.ErrorId);
        Assert.Contains("does not exist", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Nothing was changed", refused.Message, StringComparison.Ordinal);
        await machine.WriteAsync("vda", 6, 6 * Grain, Grain);
        Assert.Equal(4, await hand.ByteAsync(3 * Grain));
        Assert.Equal([1, 2, 3, 6], await hand.BetweenAsync("before", null));
        Assert.Equal([3, 6], await hand.BetweenAsync("after", null));
        Assert.Equal(["clean"], await hand.TagsAsync("vda"));
        await NothingLeftAsync(machine);
        await machine.CheckpointAsync("later");
        Assert.Equal([3, 6], await hand.BetweenAsync("after", "later"));
    }

    [SkippableFact]
    public async Task MemoryThatDoesNotFitLeavesTheDisksAtTheSnapshotAndTheMachineStanding()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        var hand = new InternalHand(machine);
        await machine.StartAsync();
        await PastAsync(machine, hand);
        await machine.StopAsync();
        await machine.Engine.RegisterDomainAsync(
            new RegisterDomainRequest { Xml = machine.Xml().Replace("<memory unit='MiB'>64</memory>", "<memory unit='MiB'>80</memory>", StringComparison.Ordinal), Update = true }, machine.Report, CancellationToken.None);
        await machine.StartAsync();

        MomentException unfit = await Assert.ThrowsAsync<MomentException>(() => hand.RestoreAsync("clean"));
        Assert.Equal("DefinitionChanged", unfit.ErrorId.Name);
        Assert.Equal(4, await hand.ByteAsync(3 * Grain));
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => hand.RestoreAsync("clean", new InternalRestoreOptions { Force = true }));

        Assert.Equal(ImageTipErrors.MemoryNotLoaded, refused.ErrorId);
        Assert.Contains("stands still", refused.Message, StringComparison.Ordinal);
        Assert.Equal(VMState.Paused, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
        Assert.Equal(0, await hand.ByteAsync(3 * Grain));
        await machine.WriteAsync("vda", 6, 6 * Grain, Grain);
        Assert.Equal([1, 6], await hand.BetweenAsync("before", null));
        Assert.Equal([6], await hand.BetweenAsync("clean", null));
        await NothingLeftAsync(machine);
        // What was left is still kept.
        await hand.SwitchAsync(hand.State.Kept.Single().Branch!, Paused);
        Assert.Equal(4, await hand.ByteAsync(3 * Grain));
    }

    [SkippableFact]
    public async Task ALoadThatBreaksOffBetweenTwoDisksIsFinishedWithoutTheMemory()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        var hand = new InternalHand(machine, step => At(step, "load", () => Qmp(machine, "block-dirty-bitmap-add", """{"node":"mt-vdb","name":"foreign"}""")));
        await PastAsync(machine, hand);

        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => hand.RestoreAsync("clean", Paused));

        Assert.Equal(ImageTipErrors.MemoryNotLoaded, refused.ErrorId);
        Assert.Equal(0, await hand.ByteAsync(3 * Grain));
        Assert.Equal(0, await hand.ByteAsync(5 * Grain, "vdb"));
        Assert.Equal([1], await hand.BetweenAsync("before", null));
        await NothingLeftAsync(machine);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AMachineThatSomebodyLetGoOnMeanwhileIsWhereItIsAndWhatItWroteIsUnknown(bool memory)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        var hand = new InternalHand(machine, step => At(step, "load", () =>
        {
            Qmp(machine, "cont", "{}");
            throw new OperationCanceledException("the process dies here");
        }));
        await PastAsync(machine, hand, memory);

        await Assert.ThrowsAsync<OperationCanceledException>(() => hand.RestoreAsync("clean"));

        Assert.Equal(4, await hand.ByteAsync(3 * Grain));
        Assert.Equal("after", hand.State.Disk("vda").Current!.Name);
        Assert.Equal(OperationErrors.ChangesUnknown, (await Assert.ThrowsAsync<MomentException>(() => hand.BetweenAsync("after", null))).ErrorId);
        Assert.Equal([1, 2], await hand.BetweenAsync("before", "after"));
        await machine.CheckpointAsync("later");
        await machine.WriteAsync("vda", 6, 6 * Grain, Grain);
        Assert.Equal([6], await hand.BetweenAsync("later", null));
        Assert.Equal(["clean"], await hand.TagsAsync("vda"));
        await NothingLeftAsync(machine);
    }

    [SkippableFact]
    public async Task AForeignBitmapIsNamedAndNothingIsTouched()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        var hand = new InternalHand(machine);
        await PastAsync(machine, hand, memory: false);
        Tool.Run("qemu-img", "bitmap", "--add", machine.DiskPath("vdb"), "theirs");

        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => hand.RestoreAsync("clean"));

        Assert.Equal(ImageTipErrors.BitmapForeign, refused.ErrorId);
        Assert.Contains("'theirs'", refused.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], await hand.BetweenAsync("before", null));
        Assert.Equal(["clean"], await hand.TagsAsync("vda"));
    }

    [SkippableFact]
    public async Task WhatStandsOnTheImageForbidsIt()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var hand = new InternalHand(machine);
        await PastAsync(machine, hand, memory: false);
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", machine.DiskPath("vda"), "-F", "qcow2", machine.DiskPath("child"));

        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => hand.RestoreAsync("clean"));

        Assert.Equal(ImageTipErrors.ImageHasOverlays, refused.ErrorId);
        Assert.Contains("child.qcow2", refused.Message, StringComparison.Ordinal);
        Assert.Equal(4, await hand.ByteAsync(3 * Grain));
    }

    [SkippableFact]
    public async Task ATagThatIsGoneAndOneThatIsAnothersIdAreRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var hand = new InternalHand(machine);
        await hand.TakeAsync("first");
        Tool.Run("qemu-img", "snapshot", "-c", "1", machine.DiskPath("vda"));
        Assert.Equal(ImageTipErrors.SnapshotTagAmbiguous, (await Assert.ThrowsAsync<MomentException>(() => ImageTips.FindAsync(machine.DiskPath("vda"), "1", CancellationToken.None))).ErrorId);
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", machine.DiskPath("other"), TestMachine.DiskSize.ToString(CultureInfo.InvariantCulture));
        File.Move(machine.DiskPath("other"), machine.DiskPath("vda"), overwrite: true);
        Assert.Equal(ImageTipErrors.SnapshotNotInImage, (await Assert.ThrowsAsync<MomentException>(() => hand.RestoreAsync("first"))).ErrorId);
    }

    [SkippableTheory]
    [InlineData("capture")]
    [InlineData("keep")]
    [InlineData("detach")]
    public async Task CancelledBeforeTheBitmapsGoNothingHasHappened(string at)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        using var stop = new CancellationTokenSource();
        var hand = new InternalHand(machine, step => At(step, at, stop.Cancel));
        await PastAsync(machine, hand, memory: false);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => hand.RestoreAsync("clean", Paused, stop.Token));

        Assert.Equal(4, await hand.ByteAsync(3 * Grain));
        Assert.Equal([1, 2, 3], await hand.BetweenAsync("before", null));
        Assert.Equal(["clean"], await hand.TagsAsync("vda"));
        Assert.Empty(machine.Report.Warnings);
        await NothingLeftAsync(machine);
    }

    [SkippableFact]
    public async Task AnAttachedMachineLoadsMemoryButLetsNoImageGo()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        string monitor = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Monitor!;
        var other = new MomentEngine(new MomentEngineOptions { StateRoot = Path.Combine(machine.Scratch, "theirs"), RuntimeRoot = Path.Combine(machine.Scratch, "run2") });
        VMDomain guest = await other.RegisterDomainAsync(new RegisterDomainRequest { Name = "guest", Monitor = monitor }, machine.Report, CancellationToken.None);
        await other.CreateSnapshotAsync("guest", new CreateSnapshotRequest { Name = "disks", Internal = true, DiskOnly = true }, machine.Report, CancellationToken.None);
        await other.CreateSnapshotAsync("guest", new CreateSnapshotRequest { Name = "memory", Internal = true, Memory = true }, machine.Report, CancellationToken.None);
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);

        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => RestoreAsync("disks"));
        Assert.Equal(ImageTipErrors.ExchangeImpossible, refused.ErrorId);
        await RestoreAsync("memory");

        await machine.WriteAsync("vda", 5, 5 * Grain, Grain);
        await machine.IoAsync("vda", "flush");
        Assert.Equal(0, machine.Content(machine.DiskPath("vda"))[2 * Grain]);
        IReadOnlyList<VMChangedBlock> changed = await other.GetChangedBlocksAsync("guest", "disks", [], machine.Report, CancellationToken.None);
        Assert.Equal((guest.Disks[0].Name, 5 * Grain, Grain), (changed.Single().Disk, changed[0].Offset, changed[0].Length));

        Task<VMSnapshotRestore> RestoreAsync(string name) =>
            other.RestoreSnapshotAsync("guest", new RestoreSnapshotRequest { Name = name, Paused = true, AcceptOwner = true }, machine.Report, CancellationToken.None);
    }

    // Content before and after, and checkpoints on both sides.
    private static async Task PastAsync(TestMachine machine, InternalHand hand, bool memory = true)
    {
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 2, Grain, Grain);
        await hand.TakeAsync("clean", memory);
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        await machine.CheckpointAsync("after");
        await machine.WriteAsync("vda", 4, 3 * Grain, Grain);
        if (machine.Disks.Contains("vdb"))
            await machine.WriteAsync("vdb", 4, 5 * Grain, Grain);
    }

    private static async Task NothingLeftAsync(TestMachine machine)
    {
        Assert.Empty(Journal.Pending(machine.StateDirectory));
        JsonElement nodes = await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-named-block-nodes", """{"flat":true}""", CancellationToken.None);
        Assert.All(nodes.EnumerateArray(), node => Assert.StartsWith("mt-vd", node.GetProperty("node-name").GetString(), StringComparison.Ordinal));
        foreach (string query in (string[])["query-jobs", "query-block-exports"])
            Assert.Equal(0, (await machine.Engine.InvokeQmpAsync(TestMachine.Name, query, null, CancellationToken.None)).GetArrayLength());
    }

    private static void At(string step, string wanted, Action act)
    {
        if (step == $"{TurnRun.Operation}:{wanted}")
            act();
    }

    private static void DeleteTag(TestMachine machine, string disk, string tag) =>
        Qmp(machine, "blockdev-snapshot-delete-internal-sync", $$"""{"device":"mt-{{disk}}","name":"{{tag}}"}""");

    private static void Qmp(TestMachine machine, string command, string arguments) =>
        machine.Engine.InvokeQmpAsync(TestMachine.Name, command, arguments, CancellationToken.None).GetAwaiter().GetResult();
}
