using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Operations.Foreign;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>The changes since a moment as a dirty bitmap context, held against every byte that was written: row E5.</summary>
public sealed class ExportSinceTests
{
    [SkippableTheory]
    [InlineData(null)]
    [InlineData("unix://{0}/public")]
    [InlineData("tcp://127.0.0.1:0")]
    public async Task TheContextSaysExactlyWhatWasWrittenUpToTheInstant(string? address)
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.WriteAsync(10);
        await machine.Machine.CheckpointAsync("first");
        HashSet<long> one = await machine.WriteAsync(8);
        await machine.Machine.CheckpointAsync("second");
        HashSet<long> two = await machine.WriteAsync(8);
        await machine.BlockSnapshotAsync("now");
        byte[] expected = machine.Bytes();
        await machine.WriteAsync(20);
        string before = await machine.TracesAsync();

        var request = new StartBlockExportRequest { Disks = ["vda"], Snapshot = "now", Address = address?.Replace("{0}", machine.Machine.Scratch, StringComparison.Ordinal) };
        VMBlockExport since = await machine.StartOneAsync(request with { Since = "first" });
        Assert.Equal(("vda-now", "qemu:dirty-bitmap:first", "first", "now"), (since.ExportName, since.Context, since.Since, since.Snapshot));
        Assert.Equal([.. one.Union(two).Order()], ExportMachine.Dirty(since).Order());
        Assert.True(machine.Read(since.Uri).AsSpan().SequenceEqual(expected));
        Assert.Contains("base:allocation", Tool.Run("nbdinfo", since.Uri.ToString()), StringComparison.Ordinal);

        // At the same address, where there is one.
        VMBlockExport shorter = await machine.StartOneAsync(request with { Address = address is null ? null : since.ListenAddress, Since = "second", ExportNames = new Dictionary<string, string>(StringComparer.Ordinal) { ["vda"] = "other" } });
        Assert.Equal(since.ListenAddress, shorter.ListenAddress);
        Assert.Equal([.. two.Order()], ExportMachine.Dirty(shorter).Order());
        Assert.Equal(2, (await machine.ExportsAsync()).Count);
        await machine.StopAsync();
        Assert.Equal(before, await machine.TracesAsync());
    }

    [SkippableFact]
    public async Task ItNeverSaysLessWhateverBecameOfTheMomentsSince()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.Machine.CheckpointAsync("first");
        byte[] first = machine.Bytes();
        HashSet<long> one = await machine.WriteAsync(8);
        await machine.Machine.CheckpointAsync("second");
        HashSet<long> two = await machine.WriteAsync(8);
        await machine.BlockSnapshotAsync("instant");
        byte[] instant = machine.Bytes();
        HashSet<long> after = await machine.WriteAsync(8);
        await machine.Machine.CheckpointAsync("third");
        byte[] third = machine.Bytes();
        await machine.WriteAsync(8);
        // The moment that the instant follows goes; an overlay comes between.
        await machine.Machine.RemoveAsync("second");
        await machine.Machine.SnapshotAsync("layer", request => request with { DiskOnly = true });
        await machine.WriteAsync(8);

        var request = new StartBlockExportRequest { Disks = ["vda"], Snapshot = "instant" };
        VMBlockExport since = await machine.StartOneAsync(request with { Since = "first" });
        Assert.Equal([.. one.Union(two).Order()], ExportMachine.Dirty(since).Order());
        Assert.True(ExportMachine.Differing(first, instant).IsSubsetOf(ExportMachine.Dirty(since)));
        Assert.True(machine.Read(since.Uri).AsSpan().SequenceEqual(instant));
        await machine.StopAsync();

        // One that was taken after the instant: the way there and back again.
        VMBlockExport later = await machine.StartOneAsync(request with { Since = "third" });
        Assert.True(ExportMachine.Differing(third, instant).IsSubsetOf(ExportMachine.Dirty(later)));
        Assert.True(ExportMachine.Dirty(later).IsSubsetOf(two.Union(after)));
        await machine.StopAsync();
        await machine.RemoveBlockSnapshotAsync("instant");
    }

    [SkippableFact]
    public async Task ACheckpointThatBeganWithTheBlockSnapshotIsTheInstant()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.Machine.CheckpointAsync("monday");
        HashSet<long> written = await machine.WriteAsync(8);
        await machine.BlockSnapshotAsync("tonight", checkpoint: "tuesday");
        HashSet<long> after = await machine.WriteAsync(8);
        Assert.Equal([.. written.Order()], ExportMachine.Dirty(await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], Snapshot = "tonight", Since = "monday" })).Order());
        await machine.StopAsync();
        Assert.Empty(ExportMachine.Dirty(await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], Snapshot = "tonight", Since = "tuesday" })));
        await machine.StopAsync();
        Assert.Equal([.. after.Order()], ExportMachine.Dirty(await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], Since = "tuesday" })).Order());
        await machine.StopAsync();
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AMomentOfAnotherBranchIsAnsweredToo(bool running)
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running);
        await machine.WriteAsync(5);
        await machine.Machine.SnapshotAsync("fork", request => request with { DiskOnly = true });
        byte[] fork = machine.Bytes();
        HashSet<long> left = await machine.WriteAsync(6);
        await machine.Machine.CheckpointAsync("left");
        byte[] there = machine.Bytes();
        await machine.WriteAsync(3);
        await machine.Engine.RestoreSnapshotAsync(TestMachine.Name, new RestoreSnapshotRequest { Name = "fork", Branch = "try", Paused = running }, machine.Machine.Report, CancellationToken.None);
        machine.Reset("vda", fork);
        HashSet<long> right = await machine.WriteAsync(6);
        VMBlockExport export = await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], Since = "left" });
        Assert.Equal([.. left.Union(right).Order()], ExportMachine.Dirty(export).Order());
        Assert.True(ExportMachine.Differing(there, machine.Bytes()).IsSubsetOf(ExportMachine.Dirty(export)));
        Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(machine.Bytes()));
        await machine.StopAsync();
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ACheckpointTakenOverFromLibvirtIsAsGood(bool running)
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running);
        await machine.Machine.ForeignAsync("theirs");
        HashSet<long> one = await machine.WriteAsync(6);
        await machine.Machine.AdoptAsync("theirs");
        HashSet<long> two = await machine.WriteAsync(6);
        Assert.Equal([.. one.Union(two).Order()], ExportMachine.Dirty(await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], Since = "theirs" })).Order());
        await machine.StopAsync();
    }

    [SkippableFact]
    public async Task WhereALinkIsLostTheReasonIsToldAndNothingIsLeft()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.Machine.CheckpointAsync("old");
        await machine.WriteAsync(4);
        await machine.Machine.KillMachineAsync();
        await machine.Machine.StartAsync();
        await machine.Machine.CheckpointAsync("new");
        string before = await machine.TracesAsync();
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => machine.StartAsync(new StartBlockExportRequest { Disks = ["vda"], Since = "old" }));
        Assert.Equal(OperationErrors.ChangesUnknown, failure.ErrorId);
        Assert.Equal(before, await machine.TracesAsync());
        Assert.Empty(await machine.ExportsAsync());
        HashSet<long> written = await machine.WriteAsync(4);
        Assert.Equal([.. written.Order()], ExportMachine.Dirty(await machine.StartOneAsync(new StartBlockExportRequest { Disks = ["vda"], Since = "new" })).Order());
        await machine.StopAsync();
    }
}
