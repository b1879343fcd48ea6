using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations.Undo;

namespace MomentTools.Tests.Operations.Undo;

/// <summary>A machine goes to a temporary branch of a snapshot and comes back: with its disks as they were, and its memory.</summary>
public sealed class SnapshotUseTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AStoppedMachineComesBackWithItsDisksAndNothingIsLeft(bool writes)
    {
        await using TestMachine machine = await StoryAsync();
        byte[] home = await ContentAsync(machine, "vda");
        string[] files = Files(machine);
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "clean" };
        VMDomain there = await machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);
        Assert.Equal(VMState.Stopped, there.State);
        byte[] clean = await ContentAsync(machine, "vda");
        Assert.Equal((1, 0), (clean[0], clean[4 * Grain]));
        if (writes)
        {
            await WriteAsync(machine, 9, 0);
            await machine.CheckpointAsync("inside");
        }

        await machine.Engine.EndSnapshotUseAsync(TestMachine.Name, request.Id, machine.Report, CancellationToken.None);
        Assert.Equal(home, await ContentAsync(machine, "vda"));
        Assert.Equal(["clean"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        await AssertBackAsync(machine, files);
    }

    [SkippableFact]
    public async Task ARunningMachineComesBackWithItsMemory()
    {
        await using TestMachine machine = await StoryAsync();
        await machine.StartAsync();
        await machine.WriteAsync("vda", 3, 8 * Grain, Grain);
        string[] files = Files(machine);
        await PokeAsync(machine, 0x5a);
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "clean" };
        VMDomain there = await machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);
        Assert.NotEqual(0x5a, await PeekAsync(machine));
        if (there.State != VMState.Stopped)
            await machine.WriteAsync("vda", 9, 0, Grain);
        await machine.Engine.EndSnapshotUseAsync(TestMachine.Name, request.Id, machine.Report, CancellationToken.None);
        Assert.Equal(VMState.Paused, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
        Assert.Equal(0x5a, await PeekAsync(machine));
        await machine.StopAsync();
        byte[] content = await ContentAsync(machine, "vda");
        Assert.Equal((1, 2, 3), (content[0], content[4 * Grain], content[8 * Grain]));
        await AssertBackAsync(machine, files);
    }

    [SkippableFact]
    public async Task WithoutMemoryARunningMachineKeepsItsQemu()
    {
        await using TestMachine machine = await StoryAsync(diskOnly: true);
        int? process = (await machine.StartAsync()).ProcessId;
        await machine.WriteAsync("vda", 3, 8 * Grain, Grain);
        string[] files = Files(machine);
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "clean", DiskOnly = true };
        VMDomain there = await machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);
        Assert.Equal((process, VMState.Paused), (there.ProcessId, there.State));
        await machine.WriteAsync("vda", 9, 0, Grain);
        await machine.Engine.EndSnapshotUseAsync(TestMachine.Name, request.Id, machine.Report, CancellationToken.None);
        Assert.Equal(process, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).ProcessId);
        await machine.StopAsync();
        byte[] content = await ContentAsync(machine, "vda");
        Assert.Equal((1, 2, 3), (content[0], content[4 * Grain], content[8 * Grain]));
        await AssertBackAsync(machine, files);
    }

    [SkippableFact]
    public async Task AnotherUseOfTheSameMachineIsRefusedAndEndsNothing()
    {
        await using TestMachine machine = await StoryAsync();
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
        await using TestMachine machine = await StoryAsync();
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "cleen" };
        MomentException missing = await Assert.ThrowsAsync<MomentException>(() => machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, request, machine.Report, CancellationToken.None));
        Assert.Equal("MomentNotFound", missing.ErrorId.Name);
        Assert.Contains("clean", missing.Message + missing.Advice, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(machine.StateDirectory, "use.json")));
    }

    [SkippableFact]
    public async Task WhatTheBlockDidToOtherBranchesStays()
    {
        await using TestMachine machine = await StoryAsync();
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = "clean" };
        await machine.Engine.BeginSnapshotUseAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);
        await machine.Engine.CreateSnapshotAsync(TestMachine.Name, new CreateSnapshotRequest { Name = "inside" }, machine.Report, CancellationToken.None);
        await WriteAsync(machine, 9, 0);
        await machine.Engine.EndSnapshotUseAsync(TestMachine.Name, request.Id, machine.Report, CancellationToken.None);
        Assert.Equal(["clean"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        Assert.Equal(["main"], (await machine.Engine.GetBranchesAsync(TestMachine.Name, [], machine.Report, CancellationToken.None)).Select(branch => branch.Name));
        await AssertBackAsync(machine, null);
    }

    /// <summary>A snapshot "clean" with ones at the beginning; on top of it twos behind. The machine is stopped.</summary>
    private static async Task<TestMachine> StoryAsync(bool diskOnly = false)
    {
        TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        if (diskOnly)
            await machine.StartAsync();
        await machine.Engine.CreateSnapshotAsync(TestMachine.Name, new CreateSnapshotRequest { Name = "clean", DiskOnly = diskOnly }, machine.Report, CancellationToken.None);
        if (diskOnly)
            await machine.StopAsync();
        await WriteAsync(machine, 2, 4 * Grain);
        return machine;
    }

    private static async Task WriteAsync(TestMachine machine, byte pattern, long offset) =>
        Support.Tool.Run("qemu-io", "-f", "qcow2", "-c", $"write -P {pattern} {offset} {Grain}", await PathAsync(machine, "vda"));

    private static async Task<string> PathAsync(TestMachine machine, string disk) =>
        (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Disks.First(one => one.Name == disk).Path!;

    private static async Task<byte[]> ContentAsync(TestMachine machine, string disk) => machine.Content(await PathAsync(machine, disk));

    // A byte of the clock's battery-backed memory: of QEMU's state, not of the disks.
    private static async Task PokeAsync(TestMachine machine, byte value)
    {
        await MonitorAsync(machine, "o /b 0x70 0x40");
        await MonitorAsync(machine, $"o /b 0x71 0x{value:x2}");
    }

    private static async Task<byte> PeekAsync(TestMachine machine)
    {
        if ((await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State == VMState.Stopped)
            return 0;
        await MonitorAsync(machine, "o /b 0x70 0x40");
        return Convert.ToByte((await MonitorAsync(machine, "i /b 0x71")).Split('=')[1].Trim(), 16);
    }

    private static async Task<string> MonitorAsync(TestMachine machine, string line) => (await machine.Engine.InvokeQmpAsync(
        TestMachine.Name, "human-monitor-command", JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal) { ["command-line"] = line }), CancellationToken.None)).GetString()!;

    private static string[] Files(TestMachine machine) => [.. new DirectoryInfo(machine.Scratch).EnumerateFiles().Select(file => file.Name).Order(StringComparer.Ordinal)];

    private static async Task AssertBackAsync(TestMachine machine, string[]? files)
    {
        Assert.False(File.Exists(Path.Combine(machine.StateDirectory, "use.json")));
        Assert.Empty(machine.Report.Failures);
        Assert.Empty(await machine.Engine.TestMomentsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None));
        await machine.CheckpointAsync("after");
        if (files is not null)
            Assert.Equal(files, Files(machine));
    }
}
