namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>New-VMSnapshot by content: what was before lies in the snapshot's layer, what came after lies above, and the tracking knows exactly what came (rows D2, D9).</summary>
public sealed class SnapshotCreationTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TheOldContentIsFrozenAndTheNewOneIsRecorded(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb", "vdc");
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.WriteAsync("vdb", 2, 3 * Grain, Grain);
        byte[] then = machine.Content(machine.DiskPath("vda"));

        VMSnapshot snapshot = await machine.SnapshotAsync("clean", request => request with { DiskOnly = true });

        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await machine.WriteAsync("vda", 3, 0, Grain);
        Assert.Equal(("clean", "before", running ? "disk-snapshot" : "shutoff", "External", null, true), (snapshot.Name, snapshot.Parent, snapshot.State, snapshot.Location, snapshot.Memory, snapshot.Current));
        Assert.Equal("OK", snapshot.Health);
        Assert.Equal(then, machine.Content(machine.DiskPath("vda")));
        Assert.Equal([(0, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("clean"));
        Assert.Equal([(2 * Grain, Grain)], await machine.BetweenAsync("before", "clean", "vda"));
        Assert.Equal([(3 * Grain, Grain)], await machine.BetweenAsync("before", "clean", "vdb"));
        Assert.Equal([(0, Grain), (2 * Grain, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("before"));
        string overlay = await machine.ActivePathAsync("vda");
        Assert.Equal(Path.Combine(machine.Scratch, "vda.6f1b2a6e.clean.qcow2"), overlay);
        byte[] now = machine.Content(overlay);
        Assert.Equal(then.AsSpan((int)(5 * Grain)), now.AsSpan((int)(5 * Grain)));
        Assert.All(now[..(int)Grain], value => Assert.Equal(3, value));
        Assert.Empty(machine.Report.Warnings);
        Assert.Empty(machine.Report.Failures);
        Assert.True(await machine.Engine.TestMomentsAsync(TestMachine.Name, [], machine.Report, CancellationToken.None) is { Count: 0 });
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
    }
}
