using System.Security.Cryptography;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Operations.Branches;
using MomentTools.Xml;
using static MomentTools.Tests.Operations.Branches.BranchMachine;

namespace MomentTools.Tests.Operations.Branches;

public sealed class BranchRemovalTests
{
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OnlyWhatNothingElseStandsOnGoes(bool running)
    {
        await using TestMachine machine = await PrepareAsync(running);
        byte[] frozen = SHA256.HashData(File.ReadAllBytes(machine.DiskPath("vda")));
        IReadOnlyDictionary<string, VMBranch> before = await machine.BranchesAsync();
        VMBranchRemoval plan = await machine.PlanBranchRemovalAsync("one");
        Assert.Equal(before["one"].Disks[0].Path, Assert.Single(plan.Files));
        Assert.Equal(new FileInfo(plan.Files[0]).Length, plan.Bytes);
        await machine.RemoveBranchAsync("one", undoFor: TimeSpan.Zero);
        Assert.False(File.Exists(before["one"].Disks[0].Path));
        Assert.True(File.Exists(before["two"].Disks[0].Path));
        Assert.Equal(["main", "two"], (await machine.BranchesAsync()).Keys.Order(StringComparer.Ordinal));
        Assert.Equal([(Grain, Grain)], await machine.ChangesAsync("clean"));
        Assert.Equal(frozen, SHA256.HashData(File.ReadAllBytes(machine.DiskPath("vda"))));
        if (running)
            await machine.StopAsync();
        Assert.Equal(1, (await machine.PatternsAsync("two", "vda"))[0]);
    }

    [SkippableFact]
    public async Task SnapshotsOfItsOwnAreNamedAndGoOnlyWhenThatIsAskedFor()
    {
        await using TestMachine machine = await PrepareAsync(running: false);
        await machine.SwitchAsync("one");
        await machine.WriteAsync("vda", 5, 5 * Grain, Grain);
        await machine.FreezeAsync("inside");
        await machine.CheckpointAsync("point");
        await machine.WriteAsync("vda", 6, 6 * Grain, Grain);
        await machine.SwitchAsync("main");
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.RemoveBranchAsync("one"));
        Assert.Equal(BranchErrors.BranchHoldsSnapshots, refused.ErrorId);
        Assert.Contains("inside", refused.Message, StringComparison.Ordinal);
        Assert.Contains("one", (await machine.BranchesAsync()).Keys);

        // A branch from it keeps it: then nothing is lost but the tip.
        await machine.BranchAsync("kept", "inside");
        VMBranchRemoval removed = await machine.RemoveBranchAsync("one", undoFor: TimeSpan.Zero);
        Assert.Empty(removed.Snapshots);
        Assert.Equal(5, (await machine.PatternsAsync("kept", "vda"))[5]);

        removed = await machine.RemoveBranchAsync("kept", discard: true, undoFor: TimeSpan.Zero);
        Assert.Equal("inside", Assert.Single(removed.Snapshots));
        Assert.All(removed.Files, path => Assert.False(File.Exists(path), path));
        Assert.Empty(machine.Report.Warnings);
        Assert.Equal(["clean", "point"], (await machine.MomentsAsync()).Select(moment => moment.Name).Order(StringComparer.Ordinal));
        // A checkpoint on it is history that stays true.
        Assert.Equal([(Grain, Grain), (5 * Grain, Grain)], await machine.ChangesAsync("point"));
        Assert.Equal((byte[])[1, 2], (await machine.PatternsAsync("main", "vda"))[..2]);
    }

    // What one command removes is planned as what it comes to in its turn, and that is what it then comes to.
    [SkippableTheory]
    [InlineData(true, true, "inside")]
    [InlineData(true, false, "")]
    [InlineData(false, true, "")]
    public async Task WhatTwoBranchesShareGoesWithTheLastOfThem(bool atOnce, bool sharedAlone, string lost)
    {
        TimeSpan? undoFor = atOnce ? TimeSpan.Zero : null;
        await using TestMachine machine = await PrepareAsync(running: false);
        await machine.SwitchAsync("one");
        await machine.WriteAsync("vda", 5, 5 * Grain, Grain);
        await machine.FreezeAsync("inside");
        await machine.SwitchAsync("main");
        await machine.BranchAsync("kept", "inside");
        if (!sharedAlone)
            await machine.BranchAsync("third", "inside");
        string[] snapshots = lost.Length == 0 ? [] : [lost];
        VMBranchRemoval alone = await machine.PlanBranchRemovalAsync("kept", undoFor);
        VMBranchRemoval after = await machine.PlanBranchRemovalAsync("kept", undoFor, "one");
        Assert.Empty(alone.Snapshots);
        Assert.Equal(snapshots, after.Snapshots);
        await machine.RemoveBranchAsync("one", undoFor: undoFor);
        VMBranchRemoval then = await machine.PlanBranchRemovalAsync("kept", undoFor);
        Assert.Equal(Whole(after), Whole(then));
        VMBranchRemoval removed = await machine.RemoveBranchAsync("kept", discard: true, undoFor: undoFor);
        Assert.Equal(Whole(after), Whole(removed));
        Assert.Equal(snapshots.Length == 0, (await machine.MomentsAsync()).Any(moment => moment.Name == "inside"));
    }

    // What an earlier command keeps ends with the next one: what it shared with others is theirs alone then.
    [SkippableFact]
    public async Task WhatIsKeptNoLongerAfterTheFirstDoesNotHoldWhatTheSecondTakes()
    {
        await using TestMachine machine = await PrepareAsync(running: false);
        await machine.SwitchAsync("one");
        await machine.FreezeAsync("inside");
        await machine.SwitchAsync("main");
        await machine.BranchAsync("kept", "inside");
        await machine.RemoveBranchAsync("one");
        Assert.Empty((await machine.PlanBranchRemovalAsync("kept")).Snapshots);
        Assert.Equal(["inside"], (await machine.PlanBranchRemovalAsync("kept", null, "two")).Snapshots);
        await machine.RemoveBranchAsync("two");
        Assert.Equal(["inside"], (await machine.PlanBranchRemovalAsync("kept")).Snapshots);
    }

    [SkippableFact]
    public async Task ABranchThatIsPlannedToGoIsNotPlannedTwice()
    {
        await using TestMachine machine = await PrepareAsync(running: false);
        Assert.Equal(BranchErrors.BranchNotFound, (await Assert.ThrowsAsync<MomentException>(() => machine.PlanBranchRemovalAsync("one", null, "one"))).ErrorId);
        Assert.Equal(["main", "one", "two"], (await machine.BranchesAsync()).Keys.Order(StringComparer.Ordinal));
    }

    [SkippableFact]
    public async Task ForAWhileNothingIsUnlinkedAndTheNameIsFree()
    {
        await using TestMachine machine = await PrepareAsync(running: false);
        string path = (await machine.BranchesAsync())["one"].Disks[0].Path!;
        await machine.RemoveBranchAsync("one");
        Assert.True(File.Exists(path));
        VMBranch again = await machine.BranchAsync("one", "clean");
        Assert.NotEqual(path, again.Disks[0].Path);
        // Only the last can be brought back: what was kept before goes with the next.
        await machine.RemoveBranchAsync("two");
        Assert.False(File.Exists(path));
        Assert.True(File.Exists(again.Disks[0].Path));
    }

    [SkippableFact]
    public async Task BranchesThatGoWithOneCommandCanAllBeBroughtBack()
    {
        await using TestMachine machine = await PrepareAsync(running: false);
        DateTimeOffset began = DateTimeOffset.UtcNow;
        foreach (string name in new[] { "one", "two" })
            await machine.Engine.RemoveBranchAsync(TestMachine.Name, new RemoveBranchRequest { Name = name, KeepSince = began }, machine.Report, CancellationToken.None);
        Assert.Equal(["main"], (await machine.BranchesAsync()).Keys);
        foreach (int _ in new[] { 1, 2 })
            await machine.Engine.UndoSnapshotAsync(TestMachine.Name, new UndoSnapshotRequest(), machine.Report, CancellationToken.None);
        Assert.Equal(["main", "one", "two"], (await machine.BranchesAsync()).Keys.Order(StringComparer.Ordinal));
        Assert.Equal(1, (await machine.PatternsAsync("one", "vda"))[0]);
    }

    [SkippableFact]
    public async Task AFailedCreationLeavesNoFile()
    {
        await using TestMachine machine = await PrepareAsync(running: false);
        string[] before = Directory.GetFiles(machine.Scratch);
        foreach ((string name, string from, ErrorId id) in new[]
        {
            ("one", "clean", BranchErrors.BranchExists),
            ("mt-x", "clean", XmlErrors.BranchNameInvalid),
            ("x", "nothing", MomentErrors.MomentNotFound),
        })
            Assert.Equal(id, (await Assert.ThrowsAsync<MomentException>(() => machine.BranchAsync(name, from))).ErrorId);
        using var cancelled = new CancellationTokenSource();
        await using TestMachine stopped = await TestMachine.CreateAsync(step => { if (step.EndsWith(":layer", StringComparison.Ordinal)) cancelled.Cancel(); }, "vda");
        await stopped.FreezeAsync("clean");
        string[] files = Directory.GetFiles(stopped.Scratch);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            stopped.Engine.CreateBranchAsync(TestMachine.Name, new CreateBranchRequest { Name = "one", From = "clean" }, stopped.Report, cancelled.Token));
        Assert.Equal(files, Directory.GetFiles(stopped.Scratch));
        Assert.Equal(before, Directory.GetFiles(machine.Scratch));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(stopped.StateDirectory, "journal")));
    }

    private static string Whole(VMBranchRemoval removal) =>
        $"{string.Join(' ', removal.Snapshots)} / {string.Join(' ', removal.Checkpoints)} / {string.Join(' ', removal.Files)}: {removal.Bytes}";

    private static async Task<TestMachine> PrepareAsync(bool running)
    {
        TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.FreezeAsync("clean");
        await machine.BranchAsync("one", "clean");
        await machine.BranchAsync("two", "clean");
        await machine.WriteAsync("vda", 2, Grain, Grain);
        return machine;
    }
}
