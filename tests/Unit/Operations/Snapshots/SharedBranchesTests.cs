using MomentTools.Moments;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>Branches that begin at one snapshot share its layers and its memory: the end of one leaves the other whole.</summary>
public sealed class SharedBranchesTests
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task TheEndOfABranchLeavesTheOtherWhole()
    {
        await using CountingGuest guest = await CountingGuest.CreateAsync("vda", "vdb");
        TestMachine machine = guest.Machine;
        await guest.StartAsync();
        await machine.WriteAsync("vdb", 1, 0, Grain);
        string[] bases = [await machine.ActivePathAsync("vda"), await machine.ActivePathAsync("vdb")];
        string memory = (await machine.SnapshotAsync("s", request => request with { Memory = true })).Memory!;
        int held = guest.CountIn(bases[0]);
        foreach (string branch in (string[])["one", "two"])
        {
            await RestoreAsync(machine, new RestoreSnapshotRequest { Name = "s", Branch = branch });
            await machine.WriteAsync("vdb", branch == "one" ? (byte)7 : (byte)8, 4 * Grain, Grain);
        }

        await machine.IoAsync("vdb", "flush");
        string two = await machine.ActivePathAsync("vdb"), one = LayerOf(machine, "vdb", "one");
        Assert.NotEqual(one, two);
        await machine.Engine.RemoveBranchAsync(TestMachine.Name, new RemoveBranchRequest { Name = "one", UndoFor = TimeSpan.Zero }, machine.Report, CancellationToken.None);

        Assert.False(File.Exists(one), "the layer that only the removed branch needed is still there");
        Assert.True(File.Exists(memory), "the memory went with one of its branches");
        Assert.All(bases, path => Assert.True(File.Exists(path), path));
        byte[] content = machine.Content(two);
        Assert.All(content[..(int)Grain], value => Assert.Equal(1, value));
        Assert.All(content[(int)(4 * Grain)..(int)(5 * Grain)], value => Assert.Equal(8, value));
        await guest.NextAsync();

        // The other can be left and come back to, and the snapshot gone back to with its memory.
        await machine.Engine.SwitchBranchAsync(TestMachine.Name, new SwitchBranchRequest { Name = "main" }, machine.Report, CancellationToken.None);
        await machine.Engine.SwitchBranchAsync(TestMachine.Name, new SwitchBranchRequest { Name = "two" }, machine.Report, CancellationToken.None);
        Assert.Equal(content, machine.Content(await machine.ActivePathAsync("vdb")));
        string[] before = guest.Lines();
        await RestoreAsync(machine, new RestoreSnapshotRequest { Name = "s" });
        Assert.InRange(await guest.ReturnAsync(before), held, held + 1);
        Assert.True((await machine.TestAsync()).Count == 0);
        Assert.Empty(machine.Report.Failures);
    }

    private static Task<VMSnapshotRestore> RestoreAsync(TestMachine machine, RestoreSnapshotRequest request) =>
        machine.Engine.RestoreSnapshotAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);

    private static string LayerOf(TestMachine machine, string disk, string branch)
    {
        DiskTracking tracking = new MomentStore(machine.StateDirectory).Load(failure => throw failure).Disk(disk);
        return tracking.Layers[tracking.Tips[branch].LayerId].Path;
    }
}
