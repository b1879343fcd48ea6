using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>What changed up to the instant of a block snapshot is known as long as it lives, whatever becomes of the moments it is told by.</summary>
public sealed class BlockSnapshotChangesTests
{
    private const long Grain = FleeceMachine.Grain;

    [SkippableFact]
    public async Task ItKnowsWhatChangedUpToItsInstantWhateverIsRemovedLater()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.CheckpointAsync("b");
        await machine.WriteAsync("vda", 1, 2 * Grain, Grain);
        await machine.CheckpointAsync("c");
        await machine.WriteAsync("vda", 1, 4 * Grain, Grain);
        string before = await fleece.CountAsync();
        await fleece.NewAsync("one");
        await machine.WriteAsync("vda", 1, 6 * Grain, Grain);
        (long, long)[] sinceA = [(0, Grain), (2 * Grain, Grain), (4 * Grain, Grain)], sinceB = [(2 * Grain, Grain), (4 * Grain, Grain)];
        Assert.Equal(sinceA, await SinceAsync(machine, "one", "a"));
        Assert.Equal(sinceB, await SinceAsync(machine, "one", "b"));
        await machine.CheckpointAsync("d");
        await machine.WriteAsync("vda", 1, 8 * Grain, Grain);
        await machine.RemoveAsync("c");
        Assert.Equal(sinceA, await SinceAsync(machine, "one", "a"));
        // Another one on the same point, which has no name any more.
        await machine.RemoveAsync("d");
        await fleece.NewAsync("two");
        await machine.RemoveAsync("b");
        Assert.Equal(sinceA, await SinceAsync(machine, "one", "a"));
        Assert.Equal([.. sinceA, (6 * Grain, Grain), (8 * Grain, Grain)], await SinceAsync(machine, "two", "a"));
        Assert.Equal([.. sinceA, (6 * Grain, Grain), (8 * Grain, Grain)], await machine.ChangesAsync("a"));
        await fleece.RemoveAsync("one");
        Assert.Equal([.. sinceA, (6 * Grain, Grain), (8 * Grain, Grain)], await SinceAsync(machine, "two", "a"));
        await fleece.RemoveAsync("two");
        Assert.DoesNotContain("pin in", await fleece.CountAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("mt-bs-", await fleece.CountAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("pin in", before, StringComparison.Ordinal);
        Assert.Equal([.. sinceA, (6 * Grain, Grain), (8 * Grain, Grain)], await machine.ChangesAsync("a"));
        Assert.Empty(await machine.TestAsync());
    }

    [SkippableFact]
    public async Task ACheckpointAndASnapshotTakenBesideItLeaveItAsItIs()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        TestMachine machine = fleece.Machine;
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, 4 * Grain);
        await fleece.NewAsync("one");
        byte[] then = await fleece.NowAsync("vda");
        await machine.SnapshotAsync("layer", request => request with { DiskOnly = true });
        await machine.WriteAsync("vda", 2, 2 * Grain, 8 * Grain);
        await machine.CheckpointAsync("b");
        await machine.WriteAsync("vda", 3, 0, 3 * Grain);
        byte[] shown = await fleece.ReadAsync("one", "vda");
        Assert.True(then.AsSpan().SequenceEqual(shown));
        Assert.Equal([(0, 4 * Grain)], await SinceAsync(machine, "one", "a"));
        await fleece.RemoveAsync("one");
        string count = await fleece.CountAsync();
        Assert.All((string[])["scratch", "mt-bs-", "pin in", "blocksnapshots"], word => Assert.DoesNotContain(word, count, StringComparison.Ordinal));
        Assert.Equal([(0, 10 * Grain)], await machine.ChangesAsync("a"));
        Assert.Empty(await machine.TestAsync());
    }

    [SkippableFact]
    public async Task WhereNothingIsTrackedItSaysSo()
    {
        await using FleeceMachine fleece = await FleeceMachine.StartAsync();
        await fleece.Machine.CheckpointAsync("a", "vda");
        await fleece.NewAsync("one");
        IReadOnlyList<BlockSnapshotRecordDisk> disks = Record(fleece.Machine, "one").Disks;
        Assert.Equal((true, null, true, null), (disks[0].Copy is not null, disks[0].Doubt, disks[0].Point is not null, disks[0].CopySidecar));
        Assert.Equal((null, null, "no checkpoint covers the disk"), (disks[1].Copy, disks[1].Point, disks[1].Doubt));
    }

    private static BlockSnapshotRecord Record(TestMachine machine, string name) =>
        new ServiceRecords(machine.StateDirectory).Snapshots(failure => throw failure).Single(record => record.Name == name);

    private static async Task<IReadOnlyList<(long, long)>> SinceAsync(TestMachine machine, string snapshot, string since)
    {
        BlockSnapshotRecordDisk disk = Record(machine, snapshot).Disks[0];
        var catalogue = new DomainCatalogue(Path.Combine(machine.Scratch, "state"), Path.Combine(machine.Scratch, "run"));
        DomainPlace place = catalogue.Place(TestMachine.Name);
        DomainDocument domain = catalogue.Load(place);
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, ["vda"], BlockAccess.Read, CancellationToken.None);
        var instant = new ServedInstant(snapshot, disk.Name, disk.Size, disk.Point, disk.Node, disk.Copy, disk.CopySidecar, disk.Doubt);
        DomainMoments state = new MomentStore(machine.StateDirectory).Load(failure => throw failure);
        ExtentMap blocks = await new SnapshotChanges(place, domain, state, session).SinceAsync(instant, new MomentKey(MomentKind.Checkpoint, since), CancellationToken.None);
        return [.. blocks.Select(run => (run.Offset, run.Length))];
    }
}
