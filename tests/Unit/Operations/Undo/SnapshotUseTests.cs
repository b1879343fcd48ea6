using MomentTools.Errors;
using MomentTools.Operations.Undo;

namespace MomentTools.Tests.Operations.Undo;

/// <summary>A machine goes to a temporary branch of a snapshot and comes back: with its disks as they were, and its memory.</summary>
public sealed class SnapshotUseTests
{
    private const long Grain = UndoMachine.Grain;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AStoppedMachineComesBackWithItsDisksAndNothingIsLeft(bool writes)
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        byte[] home = machine.Content(await machine.ActivePathAsync("vda"));
        string[] files = UndoMachine.Images(machine);
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "clean" };
        VMDomain there = await machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);
        Assert.Equal(VMState.Stopped, there.State);
        byte[] clean = machine.Content(await machine.ActivePathAsync("vda"));
        Assert.Equal((1, 0), (clean[0], clean[4 * Grain]));
        if (writes)
        {
            await UndoMachine.WriteAsync(machine, 9, 0);
            await machine.CheckpointAsync("inside");
        }

        await machine.Engine.EndSnapshotUseAsync(TestMachine.Name, request.Id, machine.Report, CancellationToken.None);
        Assert.Equal(home, machine.Content(await machine.ActivePathAsync("vda")));
        Assert.Equal(["clean"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        await AssertBackAsync(machine, files);
    }

    [SkippableFact]
    public async Task ARunningMachineComesBackWithItsMemory()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        await machine.StartAsync();
        await machine.WriteAsync("vda", 3, 8 * Grain, Grain);
        string[] files = UndoMachine.Images(machine);
        await UndoMachine.PokeAsync(machine, 0x5a);
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "clean" };
        VMDomain there = await machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);
        Assert.NotEqual(0x5a, await UndoMachine.PeekAsync(machine));
        if (there.State != VMState.Stopped)
            await machine.WriteAsync("vda", 9, 0, Grain);
        await machine.Engine.EndSnapshotUseAsync(TestMachine.Name, request.Id, machine.Report, CancellationToken.None);
        Assert.Equal(VMState.Paused, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
        Assert.Equal(0x5a, await UndoMachine.PeekAsync(machine));
        await machine.StopAsync();
        byte[] content = machine.Content(await machine.ActivePathAsync("vda"));
        Assert.Equal((1, 2, 3), (content[0], content[4 * Grain], content[8 * Grain]));
        await AssertBackAsync(machine, files);
    }

    [SkippableFact]
    public async Task WithoutMemoryARunningMachineKeepsItsQemu()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync(diskOnly: true);
        int? process = (await machine.StartAsync()).ProcessId;
        await machine.WriteAsync("vda", 3, 8 * Grain, Grain);
        string[] files = UndoMachine.Images(machine);
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "clean", DiskOnly = true };
        VMDomain there = await machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);
        Assert.Equal((process, VMState.Paused), (there.ProcessId, there.State));
        await machine.WriteAsync("vda", 9, 0, Grain);
        await machine.Engine.EndSnapshotUseAsync(TestMachine.Name, request.Id, machine.Report, CancellationToken.None);
        Assert.Equal(process, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).ProcessId);
        await machine.StopAsync();
        byte[] content = machine.Content(await machine.ActivePathAsync("vda"));
        Assert.Equal((1, 2, 3), (content[0], content[4 * Grain], content[8 * Grain]));
        await AssertBackAsync(machine, files);
    }

    [SkippableFact]
    public async Task AnotherUseOfTheSameMachineIsRefusedAndEndsNothing()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        var outer = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "clean" };
        var inner = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "clean" };
        await machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, outer, machine.Report, CancellationToken.None);
        MomentException nested = await Assert.ThrowsAsync<MomentException>(() => machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, inner, machine.Report, CancellationToken.None));
        Assert.Equal(UndoErrors.UseNested, nested.ErrorId);
        await machine.Engine.EndSnapshotUseAsync(TestMachine.Name, inner.Id, machine.Report, CancellationToken.None);
        Assert.True(File.Exists(Path.Combine(machine.StateDirectory, "use.json")));
        await machine.Engine.EndSnapshotUseAsync(TestMachine.Name, outer.Id, machine.Report, CancellationToken.None);
        Assert.False(File.Exists(Path.Combine(machine.StateDirectory, "use.json")));
    }

    [SkippableFact]
    public async Task ASnapshotThatIsNotThereLeavesTheMachineWhereItIs()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "cleen" };
        MomentException missing = await Assert.ThrowsAsync<MomentException>(() => machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, request, machine.Report, CancellationToken.None));
        Assert.Equal("MomentNotFound", missing.ErrorId.Name);
        Assert.Contains("clean", missing.Message + missing.Advice, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(machine.StateDirectory, "use.json")));
    }

    [SkippableFact]
    public async Task WhatTheBlockDidToOtherBranchesStays()
    {
        await using TestMachine machine = await UndoMachine.CreateAsync();
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "clean" };
        await machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);
        await machine.Engine.CreateSnapshotAsync(TestMachine.Name, new CreateSnapshotRequest { Name = "inside" }, machine.Report, CancellationToken.None);
        await UndoMachine.WriteAsync(machine, 9, 0);
        await machine.Engine.EndSnapshotUseAsync(TestMachine.Name, request.Id, machine.Report, CancellationToken.None);
        Assert.Equal(["clean"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        Assert.Equal(["main"], (await machine.Engine.GetBranchesAsync(TestMachine.Name, [], machine.Report, CancellationToken.None)).Select(branch => branch.Name));
        await AssertBackAsync(machine, null);
    }

    private static async Task AssertBackAsync(TestMachine machine, string[]? files)
    {
        await UndoMachine.AssertSoundAsync(machine);
        await machine.CheckpointAsync("after");
        if (files is not null)
            Assert.Equal(files, UndoMachine.Images(machine));
    }
}
