using System.Globalization;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Serving;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Exports of stopped machines and of backups, and those that are written to: row E6.</summary>
public sealed class ExportOfflineTests
{
    private static readonly StartBlockExportRequest Vda = new() { Disks = ["vda"] }, Writable = Vda with { Writable = true };

    [SkippableTheory]
    [InlineData(null)]
    [InlineData("tcp://127.0.0.1:0")]
    public async Task AStoppedMachinesDisksAreServedReadOnlyUntilTheyAreStopped(string? address)
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: false, null, "vda", "vdb");
        await machine.WriteAsync(5);
        await machine.Machine.CheckpointAsync("first");
        HashSet<long> written = await machine.WriteAsync(5);
        await machine.WriteAsync(5, "vdb");
        string before = await machine.TracesAsync();
        IReadOnlyList<VMBlockExport> exports = await machine.StartAsync(new StartBlockExportRequest { Address = address, Since = "first" });
        Assert.Equal(["vda", "vdb"], exports.Select(export => export.Disk));
        foreach (VMBlockExport export in exports)
            Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(machine.Bytes(export.Disk)));
        Assert.Equal([.. written.Order()], ExportMachine.Dirty(exports[0]).Order());
        Assert.NotEqual(0, Tool.TryRun("qemu-io", "-f", "raw", "-c", "write 0 512", exports[0].Uri.ToString()).Exit);

        // It is read by any number, at the same time.
        VMBlockExport again = await machine.StartOneAsync(Vda);
        Assert.True(machine.Read(again.Uri).AsSpan().SequenceEqual(machine.Bytes()));
        Assert.Equal(RestoreErrors.DiskInUse, await FailsAsync(() => machine.StartAsync(Writable)));

        Assert.Equal("vdb", Assert.Single(await machine.StopAsync(new StopBlockExportRequest { Disks = ["vdb"] })).Disk);
        Assert.True(machine.Read(exports[0].Uri).AsSpan().SequenceEqual(machine.Bytes()));
        await machine.StopAsync();
        Assert.Equal(before, await machine.TracesAsync());
        await machine.Machine.StartAsync();
    }

    [SkippableTheory]
    [InlineData(null, null)]
    [InlineData("tcp://127.0.0.1:0", "third")]
    public async Task ABlockSnapshotOfAStoppedMachineIsServedByItsDaemon(string? address, string? checkpoint)
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: false);
        await machine.WriteAsync(3);
        await machine.Machine.CheckpointAsync("first");
        HashSet<long> one = await machine.WriteAsync(5);
        await machine.Machine.CheckpointAsync("second");
        HashSet<long> two = await machine.WriteAsync(5);
        string none = await machine.TracesAsync();
        await machine.BlockSnapshotAsync("cold", checkpoint);
        string before = await machine.TracesAsync();
        var request = new StartBlockExportRequest { Snapshot = "cold", Address = address };
        VMBlockExport first = await machine.StartOneAsync(request with { Since = "first" });
        VMBlockExport second = await machine.StartOneAsync(request with { Disks = ["vda"], Since = "second", ExportNames = new Dictionary<string, string>(StringComparer.Ordinal) { ["vda"] = "other" } });
        Assert.Equal([.. one.Union(two).Order()], ExportMachine.Dirty(first).Order());
        Assert.Equal([.. two.Order()], ExportMachine.Dirty(second).Order());
        Assert.True(machine.Read(first.Uri).AsSpan().SequenceEqual(machine.Bytes()));
        Assert.Equal("cold", first.Snapshot);
        // The disk itself, beside it.
        VMBlockExport disk = await machine.StartOneAsync(Vda with { Since = "second" });
        Assert.Equal([.. two.Order()], ExportMachine.Dirty(disk).Order());
        await machine.StopAsync();
        Assert.Equal(before, await machine.TracesAsync());
        await machine.RemoveBlockSnapshotAsync("cold");
        if (checkpoint is null)
            Assert.Equal(none, await machine.TracesAsync());
        Assert.Empty(machine.Daemons());
    }

    [SkippableTheory]
    [InlineData(null)]
    [InlineData("unix://{0}/public")]
    public async Task WhatIsWrittenIsRecordedAndKept(string? address)
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: false);
        await machine.WriteAsync(5);
        await machine.Machine.CheckpointAsync("before");
        string traces = await machine.TracesAsync();
        VMBlockExport export = await machine.StartOneAsync(Writable with { Address = address?.Replace("{0}", machine.Machine.Scratch, StringComparison.Ordinal) });
        Assert.True(export.Writable);
        HashSet<long> blocks = [];
        foreach ((byte pattern, long offset, long length) in ((byte, long, long)[])[(5, 3 * ExportMachine.Grain, 1000), (6, 9 * ExportMachine.Grain - 512, 2048), (7, ExportMachine.Size - 512, 512)])
        {
            Tool.Run("qemu-io", "-f", "raw", "-c", string.Create(CultureInfo.InvariantCulture, $"write -P {pattern} {offset} {length}"), export.Uri.ToString());
            machine.Note("vda", pattern, offset, length, blocks);
        }

        Assert.Equal(RestoreErrors.DiskInUse, await FailsAsync(() => machine.StartAsync(Vda)));
        Assert.Equal(RestoreErrors.DiskInUse, await FailsAsync(() => machine.StartAsync(Writable)));
        await machine.StopAsync();
        Assert.Equal(traces, await machine.TracesAsync());
        Assert.True(machine.Machine.Content(machine.Machine.DiskPath("vda")).AsSpan().SequenceEqual(machine.Bytes()));
        await AssertChangedAsync(machine, "before", [.. blocks.Order()]);

        // And so it goes on.
        await machine.Machine.CheckpointAsync("after");
        HashSet<long> more = await machine.WriteAsync(3);
        await AssertChangedAsync(machine, "after", [.. more.Order()]);
        await AssertChangedAsync(machine, "before", [.. blocks.Union(more).Order()]);
    }

    [SkippableFact]
    public async Task WhereItsDaemonIsKilledNobodySaysThatHeKnowsWhatWasWritten()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: false);
        await machine.Machine.CheckpointAsync("before");
        VMBlockExport export = await machine.StartOneAsync(Writable);
        Tool.Run("qemu-io", "-f", "raw", "-c", "write -P 5 0 64k", export.Uri.ToString());
        await Victim.KillAsync(Assert.Single(machine.Daemons()));
        VMBlockExport dead = Assert.Single(await machine.ExportsAsync());
        Assert.Equal(VMServiceState.Gone, dead.State);
        Assert.Contains("has ended", dead.Reason, StringComparison.Ordinal);
        Assert.Equal(OperationErrors.ChangesUnknown, await FailsAsync(() => machine.Machine.ChangesAsync("before")));
        // The next changing command clears what is left of it.
        await machine.Machine.CheckpointAsync("new");
        Assert.Empty(await machine.ExportsAsync());
        Assert.Contains(machine.Machine.Report.Warnings, warning => warning.Contains("export", StringComparison.Ordinal));
        HashSet<long> written = await machine.WriteAsync(3);
        await AssertChangedAsync(machine, "new", [.. written.Order()]);
        Assert.Equal(OperationErrors.ChangesUnknown, await FailsAsync(() => machine.Machine.ChangesAsync("before")));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ABackupIsServedFromItsWholeChain(bool running)
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running);
        await machine.WriteAsync(5);
        VMBackup full = await machine.Machine.BackupAsync();
        byte[] first = machine.Bytes();
        HashSet<long> written = await machine.WriteAsync(5);
        VMBackup increment = await machine.Machine.BackupAsync(VMBackupKind.Incremental);
        byte[] second = machine.Bytes();
        await machine.WriteAsync(5);
        string before = await machine.TracesAsync();

        var request = new StartBlockExportRequest { Repository = machine.Machine.Repository, BackupId = full.Id };
        VMBlockExport old = await machine.StartOneAsync(request);
        VMBlockExport younger = await machine.StartOneAsync(request with { BackupId = increment.Id, Since = full.Checkpoint, Address = "tcp://127.0.0.1:0" });
        Assert.Equal((full.Id, increment.Id), (old.Backup, younger.Backup));
        Assert.True(machine.Read(old.Uri).AsSpan().SequenceEqual(first));
        Assert.True(machine.Read(younger.Uri).AsSpan().SequenceEqual(second));
        Assert.Equal([.. written.Order()], ExportMachine.Dirty(younger).Order());
        Assert.Equal(BackupErrors.BackupNotFound, await FailsAsync(() => machine.StartAsync(request with { BackupId = "20200101T000000Z" })));
        Assert.Equal(ExportErrors.ExportWritableRefused, await FailsAsync(() => machine.StartAsync(request with { Writable = true })));
        Assert.Equal(ExportErrors.ExportRequestMixed, await FailsAsync(() => machine.StartAsync(request with { BackupId = null })));
        await machine.StopAsync();
        Assert.Equal(before, await machine.TracesAsync());

        // A file of the chain that is not what its manifest says is not opened.
        string path = full.Disks[0].Path;
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", path, "1M");
        Assert.Equal(BackupErrors.BackupImageMismatch, await FailsAsync(() => machine.StartAsync(request with { BackupId = increment.Id })));
        File.Delete(path);
        Assert.Equal(BackupErrors.BackupCorrupt, await FailsAsync(() => machine.StartAsync(request with { BackupId = increment.Id })));
        Assert.Empty(machine.Daemons());
    }

    private static async Task AssertChangedAsync(ExportMachine machine, string since, long[] blocks)
    {
        long[] changed = [.. (await machine.Machine.ChangesAsync(since)).SelectMany(run => Enumerable.Range((int)(run.Offset / ExportMachine.Grain), (int)((run.Length + ExportMachine.Grain - 1) / ExportMachine.Grain))).Select(block => (long)block)];
        Assert.Equal(blocks, changed);
    }

    private static async Task<ErrorId> FailsAsync(Func<Task> action) => (await Assert.ThrowsAsync<MomentException>(action)).ErrorId;
}
