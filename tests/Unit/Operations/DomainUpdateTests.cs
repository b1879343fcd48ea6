using MomentTools.Machines;
using MomentTools.Operations;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>The life of single disks: they come, go, move and change size, and the others go on incrementally.</summary>
public sealed class DomainUpdateTests
{
    private const long Grain = 65536;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ADiskThatComesIsCoveredFromTheNextCheckpointOnAndTheOthersGoOn(bool running)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        await machine.CheckpointAsync("a");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", machine.DiskPath("vdb"), "8M");
        VMDomain updated = await UpdateAsync(machine, WithDisk(machine.Xml(), "vdb", machine.DiskPath("vdb")));
        Assert.Equal(["vda", "vdb"], updated.Disks.Select(disk => disk.Name));
        Assert.Equal("a", updated.Current);
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await machine.WriteAsync("vdb", 3, Grain, Grain);
        VMBackup backup = await machine.BackupAsync();
        Assert.Equal([VMBackupKind.Incremental, VMBackupKind.Full], backup.Disks.Select(disk => disk.Kind));
        await machine.WriteAsync("vdb", 4, 3 * Grain, Grain);
        Assert.All((await machine.BackupAsync(VMBackupKind.Incremental)).Disks, disk => Assert.Equal(VMBackupKind.Incremental, disk.Kind));
        Assert.Equal([(2 * Grain, Grain)], await machine.ChangesAsync("a"));
        await AssertRestoredAsync(machine, "vda", "vdb");
    }

    [SkippableFact]
    public async Task ADiskThatGoesKeepsItsHistoryAndComesBackToIt()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.WriteAsync("vdb", 1, 0, Grain);
        await machine.BackupAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vdb", 2, 2 * Grain, Grain);
        string without = machine.Xml().Replace(DiskXml("vdb", machine.DiskPath("vdb")), "", StringComparison.Ordinal);
        Assert.NotEqual(machine.Xml(), without);
        await UpdateAsync(machine, without);
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        VMCheckpoint next = await machine.CheckpointAsync("b");
        Assert.Equal("vda", Assert.Single(next.Disks).Name);
        Assert.True(next.Current);
        IReadOnlyList<VMMoment> moments = await machine.MomentsAsync();
        Assert.All(moments, moment => Assert.Equal("OK", moment.Health));
        Assert.Contains("vdb", moments.Single(moment => moment.Name == "a").Disks.Select(disk => disk.Name));
        Assert.False(moments.Single(moment => moment.Name == "a").Current);
        Assert.Equal([(4 * Grain, Grain)], await machine.ChangesAsync("a"));
        Assert.Equal(VMBackupKind.Incremental, Assert.Single((await machine.BackupAsync()).Disks).Kind);

        await UpdateAsync(machine, machine.Xml());
        Assert.Equal([(2 * Grain, Grain)], await machine.ChangesAsync("a", "vdb"));
        Assert.Equal([VMBackupKind.Incremental, VMBackupKind.Incremental], (await machine.BackupAsync()).Disks.Select(disk => disk.Kind));
        await AssertRestoredAsync(machine, "vda", "vdb");
        await machine.RemoveAsync("a", descendants: true);
    }

    [SkippableFact]
    public async Task AMomentOfADiskThatIsGoneCanBeRemoved()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.CheckpointAsync("a");
        await UpdateAsync(machine, machine.Xml().Replace(DiskXml("vdb", machine.DiskPath("vdb")), "", StringComparison.Ordinal));
        await machine.RemoveAsync("a");
        Assert.Empty(await machine.MomentsAsync());
        Assert.DoesNotContain("bitmaps", Tool.Run("qemu-img", "info", machine.DiskPath("vda")), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AnImageThatWasMovedIsKnownByItsMark()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.BackupAsync();
        File.Move(machine.DiskPath("vda"), machine.DiskPath("moved"));
        await UpdateAsync(machine, machine.Xml().Replace(machine.DiskPath("vda"), machine.DiskPath("moved"), StringComparison.Ordinal));
        Assert.Empty(machine.Report.Warnings);
        Tool.Run("qemu-io", "-f", "qcow2", "-c", $"write -P 2 {2 * Grain} {Grain}", machine.DiskPath("moved"));
        Assert.Equal(VMBackupKind.Incremental, Assert.Single((await machine.BackupAsync(VMBackupKind.Incremental)).Disks).Kind);
        Assert.All(await machine.MomentsAsync(), moment => Assert.Equal("OK", moment.Health));
    }

    [SkippableFact]
    public async Task AnotherImageUnderADisksNameIsToldAndChangesToItAreRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.CheckpointAsync("a");
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", machine.DiskPath("other"), "64M");
        await UpdateAsync(machine, machine.Xml().Replace(machine.DiskPath("vdb"), machine.DiskPath("other"), StringComparison.Ordinal));
        Assert.Contains(machine.DiskPath("other"), Assert.Single(machine.Report.Warnings), StringComparison.Ordinal);
        await Expect.FailsAsync(OperationErrors.DiskLayerUnexpected, () => machine.CheckpointAsync("b"));
        await Expect.FailsAsync(OperationErrors.ChangesUnknown, () => machine.ChangesAsync("a", "vdb"));
        await machine.CheckpointAsync("b", "vda");
        Assert.Equal([], await machine.ChangesAsync("a"));
        await UpdateAsync(machine, machine.Xml());
        await machine.CheckpointAsync("c");
    }

    [SkippableFact]
    public async Task WhatIsNotTheSameMachineIsRefused()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        string xml = machine.Xml();
        await Expect.FailsAsync(OperationErrors.VMUpdateMismatch, () => UpdateAsync(machine, xml.Replace("6f1b2a6e", "7f1b2a6e", StringComparison.Ordinal)));
        await Expect.FailsAsync(MachineErrors.VMNotFound, () => UpdateAsync(machine, xml.Replace("<name>web1</name>", "<name>nosuch</name>", StringComparison.Ordinal)));
        await Expect.FailsAsync(MachineErrors.VMExists, () => machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml }, machine.Report, CancellationToken.None));
        await machine.StartAsync();
        await Expect.FailsAsync(MachineErrors.VMRunning, () => UpdateAsync(machine, xml));
        Assert.Single(await machine.MomentsAsync());
    }

    [SkippableTheory]
    [InlineData(true, 96)]
    [InlineData(true, 32)]
    [InlineData(false, 96)]
    [InlineData(false, 32)]
    public async Task AResizedDiskIsStoredInFullOnceAndTheOthersGoOn(bool running, int mebibytes)
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        if (running)
            await machine.StartAsync();
        await machine.WriteAsync("vda", 1, 0, Grain);
        await machine.WriteAsync("vda", 5, 48L << 20, Grain);
        await machine.BackupAsync();
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 2, 2 * Grain, Grain);
        await ResizeAsync(machine, running, (long)mebibytes << 20);
        await machine.WriteAsync("vda", 3, 4 * Grain, Grain);
        await machine.WriteAsync("vda", 4, ((long)mebibytes << 20) - Grain, Grain);
        await machine.WriteAsync("vdb", 4, 0, Grain);
        await machine.CheckpointAsync("b");
        VMBackup backup = await machine.BackupAsync();
        Assert.Equal([VMBackupKind.Full, VMBackupKind.Incremental], backup.Disks.Select(disk => disk.Kind));
        Assert.Contains("size", backup.Disks[0].Reason, StringComparison.Ordinal);
        await machine.WriteAsync("vda", 6, 6 * Grain, Grain);
        Assert.All((await machine.BackupAsync(VMBackupKind.Incremental)).Disks, disk => Assert.Equal(VMBackupKind.Incremental, disk.Kind));
        await AssertRestoredAsync(machine, "vda", "vdb");
        IReadOnlyList<(long Offset, long Length)> since = await machine.ChangesAsync("a");
        foreach (long written in (long[])[2 * Grain, 4 * Grain, 6 * Grain, ((long)mebibytes << 20) - Grain])
            Assert.Contains(since, run => run.Offset <= written && written + Grain <= run.Offset + run.Length);
        Assert.Equal([(6 * Grain, Grain)], await machine.ChangesAsync("b"));
    }

    // Who owns the machine plugs disks in and out: told at each change, and taken over by -Update under the names that the disks had.
    [SkippableFact]
    public async Task AnAttachedMachinesDisksAreComparedAndTakenOver()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.StartAsync();
        string monitor = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Monitor! + "2";
        var other = new MomentEngine(new MomentEngineOptions { StateRoot = Path.Combine(machine.Scratch, "other"), RuntimeRoot = Path.Combine(machine.Scratch, "r2") });
        var report = new TestReport();
        string xml = machine.Xml().Replace(DiskXml("vdb", machine.DiskPath("vdb")), "", StringComparison.Ordinal);
        await other.RegisterDomainAsync(new RegisterDomainRequest { Name = "guest", Xml = xml, Monitor = monitor }, report, CancellationToken.None);
        Assert.Empty(report.Warnings);
        await other.CreateCheckpointAsync("guest", new CreateCheckpointRequest { Name = "b" }, report, CancellationToken.None);
        Assert.Contains(machine.DiskPath("vdb"), Assert.Single(report.Warnings), StringComparison.Ordinal);
        VMDomain updated = await other.RegisterDomainAsync(new RegisterDomainRequest { Name = "guest", Monitor = monitor, Update = true }, report, CancellationToken.None);
        Assert.Equal(2, updated.Disks.Count);
        Assert.Equal(machine.DiskPath("vda"), updated.Disks.Single(disk => disk.Name == "vda").Path);
        await other.CreateCheckpointAsync("guest", new CreateCheckpointRequest { Name = "c" }, report, CancellationToken.None);
        Assert.Single(report.Warnings);
        await other.UnregisterDomainAsync("guest", new UnregisterDomainRequest { RemoveMetadata = true }, report, CancellationToken.None);
    }

    private static string DiskXml(string name, string path) =>
        $"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{path}'/><target dev='{name}' bus='virtio'/></disk>";

    private static string WithDisk(string xml, string name, string path) => xml.Replace("</devices>", DiskXml(name, path) + "</devices>", StringComparison.Ordinal);

    private static Task<VMDomain> UpdateAsync(TestMachine machine, string xml) =>
        machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = xml, Update = true }, machine.Report, CancellationToken.None);

    private static async Task ResizeAsync(TestMachine machine, bool running, long size)
    {
        if (running)
            await machine.Engine.InvokeQmpAsync(TestMachine.Name, "block_resize", $$"""{"node-name":"mt-vda","size":{{size}}}""", CancellationToken.None);
        else
            Tool.Run("qemu-img", "resize", "-q", "--shrink", "-f", "qcow2", machine.DiskPath("vda"), $"{size}");
    }

    private static async Task AssertRestoredAsync(TestMachine machine, params string[] disks)
    {
        IReadOnlyList<VMRestoredDisk> restored = await machine.Engine.RestoreBackupAsync(
            TestMachine.Name, new RestoreBackupRequest { Repository = machine.Repository, Destination = Path.Combine(machine.Scratch, "restored") }, machine.Report, CancellationToken.None);
        foreach (string disk in disks)
            Assert.True(machine.Content(machine.DiskPath(disk)).AsSpan().SequenceEqual(machine.Content(restored.Single(one => one.Disk == disk).Path)), disk);
    }
}
