using MomentTools.Moments;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>Going back to snapshots inside the images, on machines that run, stand still, or are off; what recorded goes on.</summary>
public sealed class InternalRestoreTests
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task AMachineThatEndsWhereOthersResetGoesBackAllTheSame()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string definition = Path.Combine(machine.StateDirectory, "domain.xml");
        string xml = await File.ReadAllTextAsync(definition);
        await File.WriteAllTextAsync(definition, xml.Replace("<devices>", "<on_reboot>destroy</on_reboot><devices>", StringComparison.Ordinal));
        var hand = new InternalHand(machine);
        // It stands still: what its firmware does afterwards is its own business.
        await machine.StartAsync();
        await hand.TakeAsync("clean");
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);

        TurnOutcome outcome = await hand.RestoreAsync("clean");

        Assert.Equal(VMState.Paused, outcome.State);
        Assert.Equal(VMState.Paused, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
        Assert.Equal(0, await hand.ByteAsync(2 * Grain));
    }

    [SkippableTheory]
    [InlineData("memory", false)]
    [InlineData("memory", true)]
    [InlineData("disks", false)]
    [InlineData("disks", true)]
    [InlineData("off", false)]
    [InlineData("off", true)]
    public async Task TheContentIsTheSnapshotsAndEveryAnswerStaysExact(string kind, bool branch)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        var hand = new InternalHand(machine);
        if (kind != "off")
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 2, Grain, Grain);
        await hand.TakeAsync("clean", memory: kind == "memory");
        await machine.WriteAsync("vda", 3, 2 * Grain, Grain);
        await machine.CheckpointAsync("after");
        await machine.WriteAsync("vda", 4, 3 * Grain, Grain);
        await machine.WriteAsync("vdb", 4, 5 * Grain, Grain);

        TurnOutcome outcome = await hand.RestoreAsync("clean", new InternalRestoreOptions { Branch = branch ? "try" : null, Goal = kind == "off" ? null : VMState.Paused });

        Assert.Equal(kind == "off" ? VMState.Stopped : VMState.Paused, outcome.State);
        await machine.WriteAsync("vda", 5, 7 * Grain, Grain);
        byte[] expected = new byte[TestMachine.DiskSize];
        expected.AsSpan(0, (int)Grain).Fill(1);
        expected.AsSpan((int)Grain, (int)Grain).Fill(2);
        expected.AsSpan((int)(7 * Grain), (int)Grain).Fill(5);
        await machine.IoAsync("vda", "flush");
        Assert.True(expected.AsSpan().SequenceEqual(machine.Content(machine.DiskPath("vda"))));
        Assert.Equal([1, 7], await hand.BetweenAsync("before", null));
        Assert.Equal([7], await hand.BetweenAsync("clean", null));
        Assert.Equal([2, 7], await hand.BetweenAsync("after", null));
        Assert.Equal([1, 2], await hand.BetweenAsync("before", "after"));
        Assert.Empty(await hand.BetweenAsync("clean", null, "vdb"));
        await machine.CheckpointAsync("later");
        await machine.WriteAsync("vda", 6, 9 * Grain, Grain);
        Assert.Equal([9], await hand.BetweenAsync("later", null));
        Assert.Equal([2, 7], await hand.BetweenAsync("after", "later"));

        // What was left is there, under its name or a hidden one.
        string left = branch ? "main" : hand.State.Branches.Keys.Single(name => name.StartsWith("mt-", StringComparison.Ordinal));
        Assert.Equal(branch ? "try" : "main", hand.State.ActiveBranch);
        Assert.Equal(branch ? 0 : 1, hand.State.Kept.Count);
        await hand.SwitchAsync(left, new InternalRestoreOptions { Goal = kind == "off" ? null : VMState.Paused });
        Assert.Equal(4, await hand.ByteAsync(3 * Grain));
        Assert.Equal(4, await hand.ByteAsync(5 * Grain, "vdb"));
        Assert.Equal(0, await hand.ByteAsync(7 * Grain));
        Assert.Equal([1, 2, 3], await hand.BetweenAsync("before", null));
        Assert.Equal([3], await hand.BetweenAsync("after", null));
        await hand.SwitchAsync(branch ? "try" : "main", new InternalRestoreOptions { Goal = kind == "off" ? null : VMState.Paused });
        Assert.Equal(6, await hand.ByteAsync(9 * Grain));
        Assert.Equal([9], await hand.BetweenAsync("later", null));
        Assert.Equal(2, (await hand.TagsAsync("vda")).Count);
        Assert.Empty(machine.Report.Warnings);
        Assert.Empty(Journal.Pending(machine.StateDirectory));
        await machine.StopIfRunningAsync();
        Tool.Run("qemu-img", "check", "-q", machine.DiskPath("vda"));
    }

    [SkippableFact]
    public async Task TheMachineDoesAfterwardsWhatTheSnapshotSaysOrTheUser()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        var hand = new InternalHand(machine);
        await machine.WriteAsync("vda", 1, 0, Grain);
        await hand.TakeAsync("off");
        await machine.StartAsync();
        await machine.WriteAsync("vda", 2, 0, Grain);

        // Taken while it was off: so it is off then, unless the user wants it otherwise.
        Assert.Equal(VMState.Stopped, (await hand.RestoreAsync("off")).State);
        Assert.Equal(VMState.Stopped, await StateAsync(machine));
        Assert.Equal(1, await hand.ByteAsync(0));
        Assert.Equal(VMState.Running, (await hand.RestoreAsync("off", new InternalRestoreOptions { Goal = VMState.Running })).State);
        Assert.Equal(VMState.Running, await StateAsync(machine));
        Assert.Equal(VMState.Running, (await hand.RestoreAsync("off", new InternalRestoreOptions { Goal = VMState.Running })).State);
        await hand.TakeAsync("on", memory: true);
        await machine.WriteAsync("vda", 3, 0, Grain);
        Assert.Equal(VMState.Paused, (await hand.RestoreAsync("on", new InternalRestoreOptions { Goal = VMState.Paused })).State);
        Assert.Equal(VMState.Paused, await StateAsync(machine));
        Assert.Equal(VMState.Running, (await hand.RestoreAsync("on")).State);
        Assert.Equal(VMState.Running, await StateAsync(machine));
        Assert.Equal(1, await hand.ByteAsync(0));
        Assert.Empty(machine.Report.Warnings);
    }

    private static async Task<VMState> StateAsync(TestMachine machine) => (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State;
}
