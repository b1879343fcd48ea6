using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Operations.Serving;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>Block snapshots of a stopped machine: a storage daemon that outlives the command holds the images, and nothing is left of it.</summary>
[Trait("Proof", "crash")]
public sealed class StoppedBlockSnapshotTests(ITestOutputHelper output)
{
    private const long Grain = 65536;

    [SkippableFact]
    public async Task ItShowsTheDisksAndGoesWithoutATrace()
    {
        await using TestMachine machine = await CreateAsync();
        VMBlockSnapshot made = await NewAsync(machine, "one");
        Assert.Equal((VMServiceState.Ready, VMServiceOwner.Machine), (made.State, made.Owner));
        Assert.All(made.Disks, disk => Assert.Equal(("image", TestMachine.DiskSize, null), (disk.Method, disk.Size, disk.ScratchPath)));
        Assert.True((await ReadAsync(machine, "one", "vda")).AsSpan().SequenceEqual(machine.Content(machine.DiskPath("vda"))));
        // Another beside it, of one disk.
        await NewAsync(machine, "two", request => request with { Disks = ["vdb"] });
        Assert.Equal(["one", "two"], (await ListAsync(machine)).Select(one => one.Name));
        Assert.All(await ListAsync(machine), one => Assert.Equal(VMServiceState.Ready, one.State));
        await RemoveAsync(machine, "one");
        Assert.Equal(VMServiceState.Ready, Assert.Single(await ListAsync(machine)).State);
        await RemoveAsync(machine, "two");
        AssertNothingLeft(machine);
        Assert.Empty(machine.Report.Warnings);
        Assert.Empty(machine.Report.Failures);
    }

    [SkippableFact]
    public async Task ItsPastIsKeptWithIt()
    {
        await using TestMachine machine = await CreateAsync();
        await machine.CheckpointAsync("base");
        await machine.WriteAsync("vda", 2, 5 * Grain, 2 * Grain);
        await NewAsync(machine, "one");
        BlockSnapshotRecordDisk vda = Record(machine, "one").Disks[0], vdb = Record(machine, "one").Disks[1];
        Assert.Null(vda.Doubt);
        Assert.NotNull(vda.Point);
        Segment past = new MomentStore(machine.StateDirectory).Segments.Read(vda.CopySidecar!, "vda");
        Assert.Equal([new Extent(5 * Grain, 2 * Grain)], past.Blocks.ToArray());
        // Nothing was written to the other: its point is the instant.
        Assert.NotNull(vdb.Point);
        Assert.Null(vdb.CopySidecar);
        await RemoveAsync(machine, "one");
        Assert.Throws<MomentException>(() => new MomentStore(machine.StateDirectory).Segments.Read(vda.CopySidecar!, "vda"));
        Assert.Equal([(5 * Grain, 2 * Grain)], await machine.ChangesAsync("base"));
        AssertNothingLeft(machine);
    }

    [SkippableFact]
    public async Task ACheckpointIsTakenAtItsInstant()
    {
        await using TestMachine machine = await CreateAsync();
        VMBlockSnapshot made = await NewAsync(machine, "one", request => request with { NewCheckpoint = "instant" });
        Assert.Equal("instant", made.Checkpoint);
        Assert.All(Record(machine, "one").Disks, disk => Assert.True(disk is { Point: not null, Copy: null, CopySidecar: null, Doubt: null }));
        Assert.Equal("instant", Assert.Single(await machine.MomentsAsync()).Name);
        await RemoveAsync(machine, "one");
        await machine.WriteAsync("vda", 3, 9 * Grain, Grain);
        Assert.Equal([(9 * Grain, Grain)], await machine.ChangesAsync("instant"));
        AssertNothingLeft(machine);
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableFact]
    public async Task WhatNeedsTheImagesIsRefusedByItsNameAndReadersGoOn()
    {
        await using TestMachine machine = await CreateAsync();
        await machine.CheckpointAsync("base");
        await machine.WriteAsync("vda", 2, 5 * Grain, Grain);
        await NewAsync(machine, "tonight");
        Func<Task>[] refused =
        [
            () => machine.StartAsync(),
            () => machine.CheckpointAsync("next"),
            () => machine.BackupAsync(),
            () => machine.RemoveAsync("base"),
            () => NewAsync(machine, "other", request => request with { NewCheckpoint = "next" }),
        ];
        foreach (Func<Task> attempt in refused)
        {
            MomentException failure = await Expect.FailsAsync(RestoreErrors.DiskInUse, attempt);
            Assert.Contains("block snapshot 'tonight'", failure.Message, StringComparison.Ordinal);
            Assert.Contains("Remove-VMBlockSnapshot", failure.Advice, StringComparison.Ordinal);
        }

        Assert.Equal(VMState.Stopped, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
        Assert.Equal([(5 * Grain, Grain)], await machine.ChangesAsync("base"));
        Assert.Equal("base", Assert.Single(await machine.MomentsAsync()).Name);
        Assert.False(Directory.Exists(machine.Repository));
        await RemoveAsync(machine, "tonight");
        await machine.StartAsync();
        await machine.CheckpointAsync("next");
        Assert.Empty(machine.Report.Warnings);
        Assert.Empty(machine.Report.Failures);
    }

    [SkippableFact]
    public async Task OneWhoseDaemonDiedIsShownAsGoneAndSweptByTheNextChange()
    {
        await using TestMachine machine = await CreateAsync();
        await machine.CheckpointAsync("base");
        await NewAsync(machine, "one");
        HostProcess daemon = HostProcess.Find(Record(machine, "one").Daemon!.ProcessId)!;
        daemon.Signal(HostProcess.Kill);
        await daemon.EndsWithinAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        VMBlockSnapshot shown = Assert.Single(await ListAsync(machine));
        Assert.Equal(VMServiceState.Gone, shown.State);
        Assert.Contains("storage daemon", shown.Reason, StringComparison.Ordinal);
        // The start is such a change, and is not refused.
        await machine.StartAsync();
        Assert.Empty(await ListAsync(machine));
        Assert.Contains("'one'", Assert.Single(machine.Report.Warnings), StringComparison.Ordinal);
        await machine.StopAsync();
        AssertNothingLeft(machine);
    }

    [SkippableTheory]
    [InlineData("block-snapshot-new")]
    [InlineData("block-snapshot-checkpoint")]
    [InlineData("block-snapshot-remove")]
    public async Task AProcessKilledAtAnyStepLeavesItWholeOrNothing(string operation)
    {
        int whole = 0;
        await CrashHarness.RunAsync(output, operation + ", stopped", async (step, where) =>
        {
            await using TestMachine machine = await CreateAsync();
            await machine.CheckpointAsync("base");
            await machine.WriteAsync("vda", 2, 5 * Grain, Grain);
            if (operation == "block-snapshot-remove")
                await NewAsync(machine, "one");
            if (!machine.Dies(step, operation, "one"))
            {
                await RemoveAllAsync(machine);
                return false;
            }

            if (await RemoveAllAsync(machine))
                whole++;
            await machine.CheckpointAsync("after");
            Assert.Equal([(5 * Grain, Grain)], await machine.ChangesAsync("base"));
            Assert.All(await machine.MomentsAsync(), moment => Assert.True(moment.Health == "OK", $"{where}: {moment.Name}: {moment.Health}"));
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
            AssertNothingLeft(machine);
            Assert.Empty(machine.Report.Failures);
            return true;
        });
    }

    private static async Task<TestMachine> CreateAsync()
    {
        TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.WriteAsync("vda", 1, Grain, 3 * Grain);
        await machine.WriteAsync("vdb", 7, 0, Grain);
        return machine;
    }

    private static Task<VMBlockSnapshot> NewAsync(TestMachine machine, string name, Func<CreateBlockSnapshotRequest, CreateBlockSnapshotRequest>? with = null) =>
        machine.Engine.CreateBlockSnapshotAsync(TestMachine.Name, (with ?? (request => request))(new CreateBlockSnapshotRequest { Name = name }), machine.Report, CancellationToken.None);

    private static Task<IReadOnlyList<VMBlockSnapshot>> ListAsync(TestMachine machine) => machine.Engine.GetBlockSnapshotsAsync(TestMachine.Name, machine.Report, CancellationToken.None);

    private static Task RemoveAsync(TestMachine machine, string name) => machine.Engine.RemoveBlockSnapshotAsync(TestMachine.Name, name, machine.Report, CancellationToken.None);

    private static BlockSnapshotRecord Record(TestMachine machine, string name) => new ServiceRecords(machine.StateDirectory).Snapshots(failure => throw failure).Single(record => record.Name == name);

    // After a crash: what is interrupted is settled by the first command that changes something; the second finds what there was.
    private static async Task<bool> RemoveAllAsync(TestMachine machine)
    {
        await machine.Engine.SetMomentAsync(TestMachine.Name, new SetMomentRequest { Name = "base", Description = "settled" }, machine.Report, CancellationToken.None);
        IReadOnlyList<VMBlockSnapshot> there = await ListAsync(machine);
        foreach (VMBlockSnapshot one in there)
        {
            Assert.Equal(VMServiceState.Ready, one.State);
            Assert.True((await ReadAsync(machine, one.Name, "vda")).AsSpan().SequenceEqual(machine.Content(machine.DiskPath("vda"))));
            await RemoveAsync(machine, one.Name);
        }

        return there.Count > 0;
    }

    private static async Task<byte[]> ReadAsync(TestMachine machine, string name, string disk)
    {
        Tool.Require("nbdcopy");
        BlockSnapshotRecord record = Record(machine, name);
        await using ServingDaemon daemon = (await ServingDaemon.FindAsync(record.Daemon!, CancellationToken.None))!;
        string directory = Path.GetDirectoryName(record.Daemon!.Socket)!, raw = Path.Combine(machine.Scratch, Guid.NewGuid().ToString("N"));
        NbdAddress address = await PrivateServer.AddExportAsync(
            daemon.Qmp, directory, null, "mt-e-t", BlockSnapshotView.AccessNode(record, record.Disks.Single(one => one.Name == disk)), "view", [], writable: false, CancellationToken.None);
        Tool.Run("nbdcopy", address.ToUri("view"), raw);
        await PrivateServer.StopAsync(daemon.Qmp, (UnixNbdAddress)address, CancellationToken.None);
        byte[] content = await File.ReadAllBytesAsync(raw);
        File.Delete(raw);
        return content;
    }

    private static void AssertNothingLeft(TestMachine machine)
    {
        Assert.DoesNotContain(HostProcess.All(), process => process.Id != Environment.ProcessId && process.CommandLine.Any(argument => argument.Contains(machine.Scratch + "/", StringComparison.Ordinal)));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(machine.Scratch, "run"), "mt-*", SearchOption.AllDirectories));
        if (Directory.Exists(Path.Combine(machine.StateDirectory, "blocksnapshots")))
            Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(machine.StateDirectory, "blocksnapshots")));
        Assert.DoesNotContain(Directory.EnumerateFiles(machine.StateDirectory, "*.xml", SearchOption.AllDirectories), file => File.ReadAllText(file).Contains("pinned", StringComparison.Ordinal));
    }
}
