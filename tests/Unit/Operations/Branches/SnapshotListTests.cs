using static MomentTools.Tests.Operations.Branches.BranchMachine;

namespace MomentTools.Tests.Operations.Branches;

/// <summary>Snapshots of ours in the lists: libvirt's filters, and whether the present state is still theirs.</summary>
public sealed class SnapshotListTests
{
    [SkippableFact]
    public async Task FiltersTakeOurSnapshotsForWhatTheyAre()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.SnapshotAsync("off-inside", request => request with { Internal = true });
        await machine.SnapshotAsync("off-layer");
        await machine.StartAsync();
        await machine.SnapshotAsync("memory-inside", request => request with { Internal = true });
        await machine.FreezeAsync("disks");
        await machine.SnapshotAsync("memory-layer");
        Assert.Equal("memory-inside memory-layer", await ListAsync(machine, new MomentQuery { Online = true }));
        Assert.Equal("off-inside off-layer", await ListAsync(machine, new MomentQuery { Offline = true }));
        Assert.Equal("disks", await ListAsync(machine, new MomentQuery { DiskOnly = true }));
        Assert.Equal("memory-inside off-inside", await ListAsync(machine, new MomentQuery { Internal = true }));
        Assert.Equal("disks memory-layer off-layer", await ListAsync(machine, new MomentQuery { External = true }));
        Assert.Equal("memory-inside", await ListAsync(machine, new MomentQuery { Internal = true, Online = true, DiskOnly = true }));
        Assert.Equal("disks memory-layer off-inside off-layer", await ListAsync(machine, new MomentQuery { External = true, Internal = true, Offline = true, DiskOnly = true, Online = true, Names = ["*layer", "off*", "disks"] }));
        Assert.Equal("", await ListAsync(machine, new MomentQuery { NoMetadata = true, Kind = "Snapshot" }));
    }

    [SkippableFact]
    public async Task TheListKnowsWhetherAnythingWouldBeLostByGoingBack()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(disks: ["vda", "vdb"]);
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.FreezeAsync("clean");
        Assert.True(await CleanAsync(machine));
        await machine.StartAsync();
        Assert.False(await CleanAsync(machine));
        await machine.StopAsync();
        Assert.True(await CleanAsync(machine));

        await UpdateAsync(machine, "128");
        Assert.False(await CleanAsync(machine));
        await UpdateAsync(machine, "64");
        Assert.True(await CleanAsync(machine));

        await machine.BranchAsync("one", "clean");
        await machine.WriteAsync("vdb", 1, 0, Grain);
        Assert.False(await CleanAsync(machine));
        await machine.SwitchAsync("one");
        Assert.True(await CleanAsync(machine));
        await machine.CheckpointAsync("later");
        Assert.Null(await CleanAsync(machine));
    }

    private static async Task UpdateAsync(TestMachine machine, string memory)
    {
        string xml = File.ReadAllText(Path.Combine(machine.StateDirectory, "domain.xml"));
        string changed = xml.Replace(">64</memory>", $">{memory}</memory>", StringComparison.Ordinal).Replace(">128</memory>", $">{memory}</memory>", StringComparison.Ordinal);
        await machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = changed, Update = true }, machine.Report, CancellationToken.None);
    }

    private static async Task<bool?> CleanAsync(TestMachine machine) => (await machine.MomentsAsync()).OfType<VMSnapshot>().Single().Clean;

    private static async Task<string> ListAsync(TestMachine machine, MomentQuery query) =>
        string.Join(' ', (await machine.Engine.GetMomentsAsync(TestMachine.Name, query, machine.Report, CancellationToken.None)).Select(moment => moment.Name).Order(StringComparer.Ordinal));
}
