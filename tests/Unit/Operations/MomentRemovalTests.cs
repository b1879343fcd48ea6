using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

public sealed class MomentRemovalTests
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task BothSwitchesTogetherAreRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.CheckpointAsync("b");
        var both = new RemoveMomentRequest { Name = "a", Descendants = true, DescendantsOnly = true };
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.Engine.RemoveMomentsAsync(TestMachine.Name, both, machine.Report, CancellationToken.None));
        Assert.Equal(OperationErrors.RemovalAmbiguous, refused.ErrorId);
        Assert.Contains("mutually exclusive", refused.Message, StringComparison.Ordinal);
        Assert.Equal(2, (await machine.MomentsAsync()).Count);
    }

    // libvirt's metadata of a snapshot that something else made: its content is not ours to remove.
    [SkippableFact]
    public async Task ASnapshotOfAnotherProgramIsOnlyForgotten()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        Directory.CreateDirectory(Path.Combine(machine.StateDirectory, "snapshots"));
        string file = Path.Combine(machine.StateDirectory, "snapshots", "other.xml");
        await File.WriteAllTextAsync(file, "<domainsnapshot><name>other</name><creationTime>1700000000</creationTime><state>shutoff</state></domainsnapshot>");
        Skip.If((await machine.MomentsAsync()).Count < 2, "Snapshots are not read yet.");
        var request = new RemoveMomentRequest { Name = "other" };
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => machine.Engine.RemoveMomentsAsync(TestMachine.Name, request, machine.Report, CancellationToken.None));
        Assert.Equal(OperationErrors.SnapshotContentKept, refused.ErrorId);
        Assert.True(File.Exists(file));
        await machine.Engine.RemoveMomentsAsync(TestMachine.Name, request with { MetadataOnly = true }, machine.Report, CancellationToken.None);
        Assert.False(File.Exists(file));
        Assert.Equal("a", Assert.Single(await machine.MomentsAsync()).Name);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ManyGoInOneTransactionAndWhatStaysIsExact(bool running)
    {
        int transactions = 0;
        await using TestMachine machine = await TestMachine.CreateAsync(step => transactions += step == "checkpoint-remove:transaction" ? 1 : 0);
        string below = Path.Combine(machine.Scratch, "base.qcow2");
        File.Move(machine.DiskPath("vda"), below);
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", "qcow2", machine.DiskPath("vda"));
        if (running)
            await machine.StartAsync();
        await machine.CheckpointAsync("first");
        for (int index = 0; index < 12; index++)
        {
            await machine.WriteAsync("vda", (byte)(index + 1), index * 2 * Grain, Grain);
            await machine.CheckpointAsync($"c{index}");
        }

        await machine.WriteAsync("vda", 99, 100 * Grain, Grain);
        byte[] content = machine.Content(machine.DiskPath("vda"));
        IReadOnlyList<VMMoment> removed = await machine.RemoveAsync("c3", descendants: true);
        Assert.Equal(9, removed.Count);
        Assert.Equal(1, transactions);
        Assert.Equal(["first", "c0", "c1", "c2"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        Assert.Equal([.. Enumerable.Range(2, 10).Select(index => (index * 2 * Grain, Grain)), (100 * Grain, Grain)], await machine.ChangesAsync("c1"));
        Assert.Equal(content, machine.Content(machine.DiskPath("vda")));
        if (running)
            await machine.StopAsync();
        Assert.Equal([.. Enumerable.Range(2, 10).Select(index => (index * 2 * Grain, Grain)), (100 * Grain, Grain)], await machine.ChangesAsync("c1"));
    }
}
