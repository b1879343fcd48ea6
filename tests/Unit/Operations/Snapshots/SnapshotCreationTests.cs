using MomentTools.Tests.Support;

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

        VMSnapshot snapshot = await machine.SnapshotAsync("clean", request => request with { DiskOnly = true });

        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await machine.WriteAsync("vda", 3, 0, Grain);
        Assert.Equal(("clean", "before", running ? "disk-snapshot" : "shutoff", "External", null, true), (snapshot.Name, snapshot.Parent, snapshot.State, snapshot.Location, snapshot.Memory, snapshot.Current));
        Assert.Equal("OK", snapshot.Health);
        Assert.Equal(snapshot.Disks, (await machine.MomentsAsync()).Single(moment => moment.Name == "clean").Disks);
        Assert.Equal([(0, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("clean"));
        Assert.Equal([(2 * Grain, Grain)], await machine.BetweenAsync("before", "clean", "vda"));
        Assert.Equal([(3 * Grain, Grain)], await machine.BetweenAsync("before", "clean", "vdb"));
        Assert.Equal([(0, Grain), (2 * Grain, Grain), (4 * Grain, Grain)], await machine.ChangesAsync("before"));
        string overlay = await machine.ActivePathAsync("vda");
        Assert.Equal(Path.Combine(machine.Scratch, "vda.6f1b2a6e.clean.qcow2"), overlay);
        Assert.Empty(await machine.TestAsync());
        if (running)
            await machine.StopAsync();
        Assert.Equal(TestMachine.Holding((0, 1), (2, 2)), machine.Content(machine.DiskPath("vda")));
        Assert.Equal(TestMachine.Holding((0, 3), (2, 2), (4, 3)), machine.Content(overlay));
        Assert.Equal(TestMachine.Holding((3, 2)), machine.Content(await machine.ActivePathAsync("vdb")));
        Assert.Empty(await machine.TestAsync());
        Assert.Empty(machine.Report.Warnings);
        Assert.Empty(machine.Report.Failures);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.StateDirectory, "journal")));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ManyInARowStayExactOverStopAndStart(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        if (running)
            await machine.StartAsync();
        for (int at = 0; at < 4; at++)
        {
            await machine.WriteAsync("vda", (byte)(at + 1), at * Grain, Grain);
            await machine.SnapshotAsync($"s{at}", request => request with { DiskOnly = true });
            if (at == 1)
            {
                if (running)
                    await machine.StopAsync();
                await machine.WriteAsync("vda", 9, 10 * Grain, Grain);
                if (running)
                    await machine.StartAsync();
                await machine.CheckpointAsync("between");
            }
        }

        await machine.WriteAsync("vda", 9, 20 * Grain, Grain);
        Assert.Equal([(1 * Grain, Grain)], await machine.BetweenAsync("s0", "s1"));
        Assert.Equal([(10 * Grain, Grain)], await machine.BetweenAsync("s1", "between"));
        Assert.Equal([(2 * Grain, Grain)], await machine.BetweenAsync("between", "s2"));
        Assert.Equal([(1 * Grain, 3 * Grain), (10 * Grain, Grain), (20 * Grain, Grain)], await machine.ChangesAsync("s0"));
        Assert.Equal([(20 * Grain, Grain)], await machine.ChangesAsync("s3"));
        if (running)
            await machine.StopAsync();
        Assert.Equal(TestMachine.Holding((0, 1)), machine.Content(machine.DiskPath("vda")));
        Assert.Equal(TestMachine.Holding((0, 1), (1, 2)), machine.Content(machine.OverlayPath("s0")));
        Assert.Equal(TestMachine.Holding((0, 1), (1, 2), (2, 3), (10, 9)), machine.Content(machine.OverlayPath("s1")));
        Assert.Equal(TestMachine.Holding((0, 1), (1, 2), (2, 3), (3, 4), (10, 9), (20, 9)), machine.Content(await machine.ActivePathAsync("vda")));
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AnIncrementalBackupAcrossItRestoresToTheByte(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb", "vdc");
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.SnapshotAsync("some", request => request with { DiskOnly = true, Disks = ["vda", "vdc"] });
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await machine.WriteAsync("vdb", 3, 5 * Grain, Grain);

        VMBackup backup = await machine.BackupAsync();

        Assert.Equal(VMBackupKind.Incremental, backup.Kind);
        IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Destination = Path.Combine(machine.Scratch, "restored") }, machine.Report, CancellationToken.None);
        Assert.Equal(TestMachine.Holding((0, 1), (2, 2), (4, 3)), machine.Content(restored[0].Path));
        Assert.Equal(TestMachine.Holding((5, 3)), machine.Content(restored[1].Path));
        Assert.Equal(TestMachine.Holding(), machine.Content(restored[2].Path));
        Assert.Equal(machine.DiskPath("vdb"), await machine.ActivePathAsync("vdb"));
        VMMoment some = (await machine.MomentsAsync()).Single(moment => moment.Name == "some");
        Assert.Equal(["vda", "vdc"], some.Disks.Where(disk => disk.State != VMBitmapState.NotCovered).Select(disk => disk.Name));
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableFact]
    public async Task ARawDiskGetsALayerAndIsTrackedFromThere()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string raw = Path.Combine(machine.Scratch, "raw.img");
        Tool.Run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", machine.DiskPath("vda"), raw);
        await machine.Engine.RegisterDomainAsync(
            new RegisterDomainRequest { Update = true, Xml = machine.Xml().Replace("type='qcow2'", "type='raw'", StringComparison.Ordinal).Replace(machine.DiskPath("vda"), raw, StringComparison.Ordinal) }, machine.Report, CancellationToken.None);
        await machine.StartAsync();

        VMSnapshot first = await machine.SnapshotAsync("first", request => request with { DiskOnly = true });
        await machine.WriteAsync("vda", 5, Grain, Grain);

        Assert.Equal("OK", first.Health);
        Assert.Equal(Path.Combine(machine.Scratch, "raw.6f1b2a6e.first.qcow2"), await machine.ActivePathAsync("vda"));
        Assert.Equal([(Grain, Grain)], await machine.ChangesAsync("first"));
        Assert.False(File.ReadAllBytes(raw).AsSpan().ContainsAnyExcept((byte)0));
        await machine.StopAsync();
        await machine.StartAsync();
        await machine.WriteAsync("vda", 5, 3 * Grain, Grain);
        Assert.Equal([(Grain, Grain), (3 * Grain, Grain)], await machine.ChangesAsync("first"));
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableTheory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task WithItsMemoryAMachineGoesOnAsItWas(bool running, bool live)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: !running, machine.Report, CancellationToken.None);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 1, 0, Grain);

        VMSnapshot snapshot = await machine.SnapshotAsync("whole", request => request with { Live = live });
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);

        Assert.Equal((running ? "running" : "paused", "External", Path.Combine(machine.Scratch, "vda.6f1b2a6e.whole.memory")), (snapshot.State, snapshot.Location, snapshot.Memory));
        Assert.Equal(running, (await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-status", null, CancellationToken.None)).GetProperty("running").GetBoolean());
        Assert.Equal("QEVM"u8.ToArray(), File.ReadAllBytes(snapshot.Memory!)[..4]);
        Assert.Equal([(0, Grain)], await machine.BetweenAsync("before", "whole"));
        Assert.Equal([(2 * Grain, Grain)], await machine.ChangesAsync("whole"));
        await machine.CheckpointAsync("after");
        Assert.Empty(await machine.TestAsync());
        await machine.StopAsync();
        Assert.Equal(TestMachine.Holding((0, 1)), machine.Content(machine.DiskPath("vda")));
        Assert.Equal(TestMachine.Holding((0, 1), (2, 2)), machine.Content(await machine.ActivePathAsync("vda")));
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableTheory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public async Task AnInternalSnapshotLiesInTheImagesAndTrackingGoesOn(bool running, bool memory)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb", "vdc");
        if (running)
            await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 1, 0, Grain);

        VMSnapshot snapshot = await machine.SnapshotAsync("inside", request => request with { Internal = true, DiskOnly = !memory, Disks = ["vda", "vdb"] });
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);

        Assert.Equal((running ? memory ? "running" : "disk-snapshot" : "shutoff", "Internal", "before"), (snapshot.State, snapshot.Location, snapshot.Parent));
        Assert.Equal([(0, Grain)], await machine.BetweenAsync("before", "inside"));
        Assert.Equal([(2 * Grain, Grain)], await machine.ChangesAsync("inside"));
        if (running)
            Assert.True((await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-status", null, CancellationToken.None)).GetProperty("running").GetBoolean());
        Assert.Empty(await machine.TestAsync());
        if (running)
            await machine.StopAsync();
        Assert.Equal(TestMachine.Holding((0, 1)), machine.Content(machine.DiskPath("vda"), "inside"));
        Assert.Equal(TestMachine.Holding((0, 1), (2, 2)), machine.Content(machine.DiskPath("vda")));
        Assert.Contains("inside", Tool.Run("qemu-img", "snapshot", "-l", machine.DiskPath("vdb")), StringComparison.Ordinal);
        Assert.DoesNotContain("inside", Tool.Run("qemu-img", "snapshot", "-l", machine.DiskPath("vdc")), StringComparison.Ordinal);
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task HaltLeavesTheMachineStoppedAtTheInstant(bool inside)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, machine.Report, CancellationToken.None);
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 1, 0, Grain);

        VMSnapshot snapshot = await machine.SnapshotAsync("last", request => request with { Halt = true, Internal = inside });

        Assert.Equal("running", snapshot.State);
        Assert.Equal(VMState.Stopped, (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State);
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        Assert.Equal([(0, Grain)], await machine.BetweenAsync("before", "last"));
        Assert.Equal([(2 * Grain, Grain)], await machine.ChangesAsync("last"));
        Assert.Empty(machine.Report.Warnings);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WithoutMetadataNoMomentNamesIt(bool inside)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        await machine.CheckpointAsync("before");
        await machine.WriteAsync("vda", 1, 0, Grain);

        VMSnapshot made = await machine.SnapshotAsync("theirs", request => request with { NoMetadata = true, DiskOnly = true, Internal = inside });
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);

        Assert.Equal("theirs", made.Name);
        Assert.Equal(["before"], (await machine.MomentsAsync()).Select(moment => moment.Name));
        Assert.Equal([(0, Grain), (2 * Grain, Grain)], await machine.ChangesAsync("before"));
        await machine.CheckpointAsync("after");
        Assert.Equal([(0, Grain), (2 * Grain, Grain)], await machine.BetweenAsync("before", "after"));
        await machine.StopAsync();
        Assert.Equal(TestMachine.Holding((0, 1)), inside ? machine.Content(machine.DiskPath("vda"), "theirs") : machine.Content(machine.DiskPath("vda")));
        Assert.Empty(machine.Report.Warnings);
        Assert.Empty(await machine.TestAsync());
    }
}
