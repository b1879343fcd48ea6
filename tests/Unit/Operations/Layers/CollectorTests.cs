using MomentTools.Operations.Layers;
using static MomentTools.Tests.Operations.Branches.BranchMachine;

namespace MomentTools.Tests.Operations.Layers;

/// <summary>Snapshots go from every place in the tree, on running and stopped machines, and all else reads as before.</summary>
public sealed class CollectorTests
{
    [SkippableTheory]
    [InlineData("one", false)]
    [InlineData("two", false)]
    [InlineData("three", false)]
    [InlineData("one", true)]
    [InlineData("two", true)]
    [InlineData("three", true)]
    public async Task ASnapshotInALineGoesAndItsLayersAreMerged(string which, bool running)
    {
        await using LayerMachine machine = await LineAsync(running);
        string merged = which == "three" ? machine.ActivePath : machine.PathOf(which == "one" ? "two" : "three");
        CollectorOutcome outcome = await machine.ForgetAsync(which);
        Assert.Equal([merged], outcome.Removed.Select(file => file.Path));
        Assert.Empty(outcome.Stays);
        Assert.False(File.Exists(merged));
        await machine.AssertSoundAsync($"without {which}");
        await machine.WriteAsync(9, 40);
        await machine.CheckpointAsync("later");
        await machine.WriteAsync(10, 41);
        await machine.AssertSoundAsync($"later without {which}");
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AllSnapshotsOfALineGoAndTheDiskIsTheFirstImageAgain(bool running)
    {
        await using LayerMachine machine = await LineAsync(running);
        foreach (string name in (string[])["two", "one", "three"])
        {
            await machine.ForgetAsync(name);
            await machine.AssertSoundAsync($"without {name}");
        }

        Assert.Equal(machine.Machine.DiskPath(LayerMachine.Disk), machine.ActivePath);
        await machine.Machine.BackupAsync();
    }

    private static async Task<LayerMachine> LineAsync(bool running)
    {
        LayerMachine machine = await LayerMachine.CreateAsync();
        if (running)
            await machine.Machine.StartAsync();
        await machine.WriteAsync(1, 0, 8);
        await machine.CheckpointAsync("first");
        await machine.WriteAsync(2, 4, 8);
        await machine.SnapshotAsync("one");
        await machine.WriteAsync(3, 8, 8);
        await machine.CheckpointAsync("between");
        await machine.WriteAsync(4, 10, 2);
        await machine.SnapshotAsync("two");
        await machine.WriteAsync(5, 0, 2);
        await machine.SnapshotAsync("three");
        await machine.WriteAsync(6, 20, 4);
        await machine.CheckpointAsync("last");
        await machine.WriteAsync(7, 22, 4);
        await machine.AssertSoundAsync("before");
        return machine;
    }

    [SkippableFact]
    public async Task AMergeThatWasStoppedIsFinishedByLettingGo()
    {
        using var stop = new CancellationTokenSource();
        await using TestMachine machine = await TestMachine.CreateAsync(step => { if (step == "snapshot-remove:end") stop.Cancel(); });
        await machine.StartAsync();
        await machine.FreezeAsync("s");
        string overlay = await PathAsync();
        await machine.WriteAsync("vda", 3, 0, Grain);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            machine.Engine.MergeSnapshotAsync(TestMachine.Name, new MergeSnapshotRequest { Name = "s" }, machine.Report, stop.Token));
        Assert.Equal(overlay, await PathAsync());
        Assert.Empty(await machine.MomentsAsync());

        IReadOnlyList<VMLayerChange> plan = await machine.Engine.PlanKeptRemovalAsync(TestMachine.Name, machine.Report, CancellationToken.None);
        Assert.Equal([("Merge", overlay, machine.DiskPath("vda"))], plan.Select(change => (change.Action, change.Path, change.Into!)));
        await machine.Engine.RemoveKeptAsync(TestMachine.Name, acceptOwner: false, machine.Report, CancellationToken.None);
        Assert.Equal(machine.DiskPath("vda"), await PathAsync());
        Assert.False(File.Exists(overlay));
        Assert.Empty(await machine.Engine.PlanKeptRemovalAsync(TestMachine.Name, machine.Report, CancellationToken.None));
        await machine.StopAsync();
        Assert.Equal(3, machine.Content(machine.DiskPath("vda"))[0]);

        async Task<string> PathAsync() => (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Disks[0].Path!;
    }
}
