using MomentTools.Moments;
using MomentTools.Tests.Operations.Branches;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>A switch that fails in its own process: the machine has its old images and does what it did, and nothing that it may have is unlinked.</summary>
public sealed class BranchSwitchFailureTests
{
    private const int Grain = 65536;

    // Where it fails: under the devices, once the new images are there; by a new start, once its memory is saved, and once the new QEMU is up.
    [SkippableTheory]
    [InlineData("branch-switch:reset", 1, false, true)]
    [InlineData("branch-switch:decide", 1, false, false)]
    [InlineData("branch-switch:extended", 2, true, true)]
    [InlineData("branch-switch:extended", 2, true, false)]
    [InlineData("machine-hold:begin", 1, true, true)]
    public async Task WhateverFailsTheMachineIsPutBack(string step, int time, bool keepMemory, bool running)
    {
        int left = 0;
        await using TestMachine machine = await TestMachine.CreateAsync(
            passed =>
            {
                if (passed == step && left > 0 && --left == 0)
                    throw new InvalidOperationException("made up");
            },
            "vda");
        var forge = new SnapshotForge(machine);
        await machine.CheckpointAsync("base");
        await forge.SnapshotAsync("clean");
        await forge.ForkAsync("clean", "try");
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: !running, machine.Report, CancellationToken.None);
        string old = await machine.ActivePathAsync("vda");

        left = time;
        Exception failure = await Assert.ThrowsAnyAsync<Exception>(() => machine.SwitchAsync("try", keepMemory));
        Assert.Contains("made up", failure.ToString(), StringComparison.Ordinal);
        VMDomain now = await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None);
        Assert.Equal(running ? VMState.Running : VMState.Paused, now.State);
        Assert.Equal(old, await machine.ActivePathAsync("vda"));
        await forge.IoAsync("vda", $"write -P 2 {Grain} {Grain}");
        Assert.DoesNotContain(Directory.EnumerateFiles(machine.Scratch), file => file.EndsWith(".mem", StringComparison.Ordinal));

        await forge.SwitchAsync("try");
        await forge.IoAsync("vda", $"read -P 0 {Grain} {Grain}");
        await forge.SwitchAsync(DiskTracking.MainBranch);
        await forge.IoAsync("vda", $"read -P 2 {Grain} {Grain}");
        Assert.Equal([(Grain, (long)Grain)], await machine.ChangesAsync("base"));
    }
}
