namespace MomentTools.Tests.Operations.Snapshots;

public sealed class BranchSwitchTests
{
    private const int Grain = 65536;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ABranchIsLeftAndComeBackToWithAllThatWasWritten(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        var forge = new SnapshotForge(machine);
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("base");
        await forge.SnapshotAsync("clean");
        await forge.ForkAsync("clean", "try");
        if (running)
            await machine.StartAsync();
        byte[] frozen = await File.ReadAllBytesAsync(machine.DiskPath("vda"));

        await forge.IoAsync("vda", $"write -P 2 {Grain} {Grain}");
        await forge.SwitchAsync("try");
        Assert.Equal("try", forge.Load().ActiveBranch);
        await forge.IoAsync("vda", $"read -P 0 {Grain} {Grain}");
        await forge.IoAsync("vda", $"read -P 1 0 {Grain}");
        await forge.IoAsync("vda", $"write -P 3 {2 * Grain} {Grain}");
        await forge.IoAsync("vdb", $"write -P 4 0 {Grain}");

        await forge.SwitchAsync("main");
        await forge.IoAsync("vda", $"read -P 2 {Grain} {Grain}");
        await forge.IoAsync("vda", $"read -P 0 {2 * Grain} {Grain}");
        await forge.IoAsync("vdb", $"read -P 0 0 {Grain}");
        Assert.Equal([(Grain, (long)Grain)], await machine.ChangesAsync("base"));

        await forge.SwitchAsync("try");
        await forge.IoAsync("vda", $"read -P 3 {2 * Grain} {Grain}");
        Assert.Equal([(2 * Grain, (long)Grain)], await machine.ChangesAsync("base"));
        Assert.Equal([(0, (long)Grain)], await machine.ChangesAsync("base", "vdb"));
        Assert.Equal(frozen, await File.ReadAllBytesAsync(machine.DiskPath("vda")));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
        await machine.CheckpointAsync("after");
    }
}
