using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations.Layers;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Operations.Branches;
using MomentTools.Tests.Operations.Metadata;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>Snapshots whose content is not where the machine could go back to it: said before anything is touched, with the way out.</summary>
public sealed class LostContentTests
{
    private const long Grain = BranchMachine.Grain;

    [SkippableFact]
    public async Task ASnapshotWhoseImageIsGoneIsNotGoneBackTo()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.FreezeAsync("root");
        string image = await machine.ActivePathAsync("vda");
        await machine.FreezeAsync("clean");
        await machine.BranchAsync("try", "root");
        await machine.SwitchAsync("try");
        File.Move(image, image + ".away");
        await Untouched.RefusedAsync(machine, () => RestoreAsync(machine, "clean"), RestoreErrors.SnapshotContentMissing, "'clean'", $"'{image}'", "'vda'");
        File.Move(image + ".away", image);
        await RestoreAsync(machine, "clean");
    }

    [SkippableFact]
    public async Task ASnapshotThatWasOnlyListedIsNotGoneBackTo()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.ImportAsync(Documents.Snapshot("theirs", mode: "external"));
        MomentException failure = await Untouched.RefusedAsync(machine, () => RestoreAsync(machine, "theirs"), RestoreErrors.SnapshotContentUnknown, "'theirs'", "not recorded");
        Assert.NotNull(failure.Advice);
    }

    [SkippableFact]
    public async Task WhatLiesInsideAnImageIsReachedOnlyWhileTheMachineWorksOnIt()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var hand = new InternalHand(machine);
        await machine.WriteAsync("vda", 1, 0, Grain);
        await hand.TakeAsync("inside");
        await machine.WriteAsync("vda", 2, 0, Grain);
        await machine.Engine.RestoreSnapshotAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = "inside", Branch = "try" }, machine.Report, CancellationToken.None);
        // Said before it is done, and with it; of a snapshot inside the image there is nothing to say.
        var request = new CreateSnapshotRequest { Name = "outside", DiskOnly = true };
        Assert.Equal(["branch 'main'", "snapshot 'inside'"], await PlanAsync(machine, request));
        Assert.Empty(await PlanAsync(machine, request with { Internal = true }));
        machine.Report.Warnings.Clear();
        await machine.FreezeAsync("outside");
        string said = Assert.Single(machine.Report.Warnings);
        Assert.Contains("branch 'main', snapshot 'inside'", said, StringComparison.Ordinal);
        Assert.Contains("-Internal", said, StringComparison.Ordinal);
        Assert.Contains("qemu-img convert -f qcow2 -l snapshot.name=", said, StringComparison.Ordinal);
        Assert.Empty(await PlanAsync(machine, request with { Name = "more" }));
        string active = await machine.ActivePathAsync("vda");

        await Untouched.RefusedAsync(machine, () => RestoreAsync(machine, "inside"), ImageTipErrors.SnapshotNotActive, "'inside'", $"'{machine.DiskPath("vda")}'", $"'{active}'");
        MomentException tip = await Untouched.RefusedAsync(machine, () => machine.SwitchAsync("main"), RestoreErrors.TipSaved, "'main'", $"'{machine.DiskPath("vda")}'");
        string[] copy = tip.Advice!.Split(": ", 2)[1].Split(". Nothing")[0].Replace("'", "", StringComparison.Ordinal).Replace("NEW.qcow2", Path.Combine(machine.Scratch, "copy.qcow2"), StringComparison.Ordinal).Split(' ');
        Tool.Run(copy[0], copy[1..]);
        Assert.Equal(2, machine.Content(Path.Combine(machine.Scratch, "copy.qcow2"))[0]);

        // Merged, the image would still not be the machine's: that is not begun.
        await Untouched.RefusedAsync(
            machine, () => machine.Engine.MergeSnapshotAsync(TestMachine.Name, new MergeSnapshotRequest { Name = "outside", Force = true }, machine.Report, CancellationToken.None),
            LayerErrors.MergeWouldEndBranches, "branch 'main', whose tip lies inside", $"'{machine.DiskPath("vda")}'");
    }

    [SkippableFact]
    public async Task OnlyTheDisksThatGetALayerPutSomethingOutOfReach()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await new InternalHand(machine).TakeAsync("inside", disks: "vdb");
        Assert.Empty(await PlanAsync(machine, new CreateSnapshotRequest { Name = "x", Disks = ["vda"] }));
        Assert.Equal(["snapshot 'inside'"], await PlanAsync(machine, new CreateSnapshotRequest { Name = "x" }));
        Assert.Equal(["snapshot 'inside'"], await PlanAsync(machine, new CreateSnapshotRequest { Xml = "<domainsnapshot><disks><disk name='vda' snapshot='no'/></disks></domainsnapshot>" }));
        Assert.Empty(await PlanAsync(machine, new CreateSnapshotRequest { Xml = Documents.Snapshot("theirs", mode: "external"), Redefine = true }));
        await machine.FreezeAsync("one", "vda");
        Assert.Empty(machine.Report.Warnings);

        // The layer stays when its snapshot goes: so the words before are the last ones that help.
        await machine.FreezeAsync("two", "vdb");
        Assert.Contains("snapshot 'inside'", Assert.Single(machine.Report.Warnings), StringComparison.Ordinal);
        await machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, new RemoveSnapshotRequest { Name = "two", UndoFor = TimeSpan.Zero }, machine.Report, CancellationToken.None);
        Assert.Contains("it holds internal snapshots", machine.Report.Warnings[^1], StringComparison.Ordinal);
        Assert.Equal(ImageTipErrors.SnapshotNotActive, (await Assert.ThrowsAsync<MomentException>(() => RestoreAsync(machine, "inside"))).ErrorId);
    }

    [SkippableFact]
    public async Task AMachineWhoseStateIsOnItsWayTakesNoOther()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        await new InternalHand(machine).TakeAsync("memory", memory: true);
        await QmpAsync(machine, "migrate", """{"uri":"exec:cat > /dev/null"}""");
        while ((await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-status", null, CancellationToken.None)).GetProperty("status").GetString() != "postmigrate")
            await Task.Delay(5);
        MomentException failure = await Expect.FailsAsync(ImageTipErrors.MachineStateUnfit, () => RestoreAsync(machine, "memory"));
        Assert.Contains("'postmigrate'", failure.Message, StringComparison.Ordinal);
        await machine.StopAsync();
        await RestoreAsync(machine, "memory");
    }

    private static Task<VMSnapshotRestore> RestoreAsync(TestMachine machine, string name) =>
        machine.Engine.RestoreSnapshotAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = name }, machine.Report, CancellationToken.None);

    private static Task<IReadOnlyList<string>> PlanAsync(TestMachine machine, CreateSnapshotRequest request) =>
        machine.Engine.PlanSnapshotAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);

    private static Task<JsonElement> QmpAsync(TestMachine machine, string command, string arguments) => machine.Engine.InvokeQmpAsync(TestMachine.Name, command, arguments, CancellationToken.None);
}
