using MomentTools.Errors;
using MomentTools.Operations.Undo;

namespace MomentTools.Tests.Operations.Undo;

/// <summary>What was discarded comes back, byte by byte, until its time is over; and what is left for it can be come back to as well.</summary>
public sealed class UndoTests
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARestoreIsUndoneAndRedone(bool running)
    {
        await using TestMachine machine = await UndoMachine.CreateAsync(diskOnly: running);
        if (running)
            await machine.StartAsync();
        await UndoMachine.RestoreAsync(machine);
        await UndoMachine.WriteAsync(machine, 9, 6);
        VMKeptState kept = Assert.Single(await UndoMachine.KeptAsync(machine));
        Assert.Equal(("Restore-VMSnapshot", "main"), (kept.Operation, kept.Branch));
        Assert.True(kept.Bytes > 0 && kept.Files.All(File.Exists) && kept.Files.Count == 1, string.Join(' ', kept.Files));
        Assert.StartsWith("Undo Restore-VMSnapshot of ", await machine.Engine.PlanUndoAsync(TestMachine.Name, new UndoSnapshotRequest(), machine.Report, CancellationToken.None), StringComparison.Ordinal);

        await UndoMachine.UndoAsync(machine);
        Assert.Equal("main", Assert.Single(await machine.Engine.GetBranchesAsync(TestMachine.Name, [], machine.Report, CancellationToken.None)).Name);
        Assert.Equal("Undo-VMSnapshot", Assert.Single(await UndoMachine.KeptAsync(machine)).Operation);
        if (!running)
            Assert.Equal("100020000000", await UndoMachine.BlocksAsync(machine));
        await UndoMachine.AssertSoundAsync(machine);

        await UndoMachine.UndoAsync(machine);
        Assert.Equal("100000900000", await UndoMachine.BlocksAsync(machine));
        await UndoMachine.UndoAsync(machine);
        Assert.Equal("100020000000", await UndoMachine.BlocksAsync(machine));
        await UndoMachine.AssertSoundAsync(machine);
        await machine.CheckpointAsync("after");
        await UndoMachine.WriteAsync(machine, 3, 8);
        Assert.Equal([(8 * UndoMachine.Grain, UndoMachine.Grain)], await machine.ChangesAsync("after"));
    }

    [SkippableFact]
    public async Task ChangesAreKnownAcrossAnUndo()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        await machine.CheckpointAsync("before");
        await UndoMachine.WriteAsync(machine, 3, 8);
        await UndoMachine.RestoreAsync(machine);
        await UndoMachine.WriteAsync(machine, 9, 6);
        await UndoMachine.UndoAsync(machine);
        await UndoMachine.WriteAsync(machine, 4, 10);
        Assert.Equal([(8 * UndoMachine.Grain, UndoMachine.Grain), (10 * UndoMachine.Grain, UndoMachine.Grain)], await machine.ChangesAsync("before"));
    }

    [SkippableFact]
    public async Task ARemovedSnapshotComesBackWithItsPlaceAndItsContent()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        await machine.SnapshotAsync("second");
        await UndoMachine.WriteAsync(machine, 3, 8);
        await machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, new RemoveSnapshotRequest { Name = "clean" }, machine.Report, CancellationToken.None);
        VMKeptState kept = Assert.Single(await UndoMachine.KeptAsync(machine));
        Assert.Equal(["clean"], kept.Moments);
        await UndoMachine.UndoAsync(machine);
        IReadOnlyList<VMMoment> moments = await machine.MomentsAsync();
        Assert.Equal([("clean", null), ("second", "clean")], moments.OrderBy(moment => moment.Name, StringComparer.Ordinal).Select(moment => (moment.Name, moment.Parent)));
        Assert.Empty(await UndoMachine.KeptAsync(machine));
        Assert.Equal("100020003000", await UndoMachine.BlocksAsync(machine));
        await UndoMachine.RestoreAsync(machine, "second", branch: "look");
        Assert.Equal("100020000000", await UndoMachine.BlocksAsync(machine));
        await UndoMachine.RestoreAsync(machine, "clean", branch: "far");
        Assert.Equal("100000000000", await UndoMachine.BlocksAsync(machine));
        await UndoMachine.AssertSoundAsync(machine);
    }

    [SkippableFact]
    public async Task ARemovedBranchComesBackUnderItsName()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        await UndoMachine.RestoreAsync(machine, branch: "try");
        await UndoMachine.WriteAsync(machine, 9, 6);
        await machine.Engine.RemoveBranchAsync(TestMachine.Name, new RemoveBranchRequest { Name = "main" }, machine.Report, CancellationToken.None);
        Assert.Equal("main", Assert.Single(await UndoMachine.KeptAsync(machine)).Branch);
        await UndoMachine.UndoAsync(machine);
        Assert.Equal("100000900000", await UndoMachine.BlocksAsync(machine));
        await machine.Engine.SwitchBranchAsync(TestMachine.Name, new SwitchBranchRequest { Name = "main" }, machine.Report, CancellationToken.None);
        Assert.Equal("100020000000", await UndoMachine.BlocksAsync(machine));
        await UndoMachine.AssertSoundAsync(machine);
    }

    [SkippableFact]
    public async Task ANameThatWasTakenMeanwhileRefusesAndStaysUndoable()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        await machine.SnapshotAsync("second");
        await machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, new RemoveSnapshotRequest { Name = "second" }, machine.Report, CancellationToken.None);
        await machine.CheckpointAsync("second");
        MomentException taken = await Assert.ThrowsAsync<MomentException>(() => UndoMachine.UndoAsync(machine));
        Assert.Equal(UndoErrors.UndoNameTaken, taken.ErrorId);
        await machine.RemoveAsync("second");
        await UndoMachine.UndoAsync(machine);
        Assert.Contains(await machine.MomentsAsync(), moment => moment is VMSnapshot { Name: "second" });
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatIsKeptGoesWithTheNextChangeAfterItsTime(bool running)
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        string[] before = UndoMachine.Images(machine);
        await UndoMachine.RestoreAsync(machine);
        UndoMachine.Expire(machine);
        // Reading changes nothing.
        await machine.MomentsAsync();
        Assert.Equal(before.Length + 1, UndoMachine.Images(machine).Length);
        await machine.CheckpointAsync("later");
        Assert.Equal(before.Length, UndoMachine.Images(machine).Length);
        Assert.Empty(await UndoMachine.KeptAsync(machine));
        Assert.Equal("100000000000", await UndoMachine.BlocksAsync(machine));
        await UndoMachine.AssertSoundAsync(machine);
    }

    [SkippableFact]
    public async Task WhatIsKeptForNoTimeIsGoneAtOnce()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        string[] before = UndoMachine.Images(machine);
        await UndoMachine.RestoreAsync(machine, undoFor: TimeSpan.Zero);
        Assert.Empty(await UndoMachine.KeptAsync(machine));
        Assert.Equal(UndoErrors.UndoNothing, (await Assert.ThrowsAsync<MomentException>(() => UndoMachine.UndoAsync(machine))).ErrorId);
        Assert.Equal(before.Length, UndoMachine.Images(machine).Length);
        Assert.Equal("100000000000", await UndoMachine.BlocksAsync(machine));
    }

    [SkippableFact]
    public async Task OnlyTheLastIsKept()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        await UndoMachine.RestoreAsync(machine);
        string first = Assert.Single(await UndoMachine.KeptAsync(machine)).Id;
        await UndoMachine.WriteAsync(machine, 8, 6);
        int files = UndoMachine.Images(machine).Length;
        await UndoMachine.RestoreAsync(machine);
        Assert.NotEqual(first, Assert.Single(await UndoMachine.KeptAsync(machine)).Id);
        Assert.Contains((await Assert.ThrowsAsync<MomentException>(() => UndoMachine.UndoAsync(machine, first))).ErrorId, new[] { UndoErrors.UndoExpired, UndoErrors.UndoNothing });
        Assert.Equal(files, UndoMachine.Images(machine).Length);
        await UndoMachine.UndoAsync(machine);
        Assert.Equal("100000800000", await UndoMachine.BlocksAsync(machine));
    }

    [SkippableFact]
    public async Task WhatExpiresGoesWithTheNextChange()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        string[] before = UndoMachine.Images(machine);
        await UndoMachine.RestoreAsync(machine);
        UndoMachine.Expire(machine);
        Assert.Equal(before.Length + 1, UndoMachine.Images(machine).Length);
        Assert.Contains((await Assert.ThrowsAsync<MomentException>(() => UndoMachine.UndoAsync(machine))).ErrorId, new[] { UndoErrors.UndoExpired, UndoErrors.UndoNothing });
        await UndoMachine.RestoreAsync(machine, branch: "next");
        Assert.Empty(await UndoMachine.KeptAsync(machine));
        Assert.Equal("100000000000", await UndoMachine.BlocksAsync(machine));
        await UndoMachine.AssertSoundAsync(machine);
    }
}
