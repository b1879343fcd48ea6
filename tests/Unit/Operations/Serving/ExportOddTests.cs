using System.Net.Sockets;
using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations.Snapshots;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>What befalls exports: sizes that change, scratch that is full, machines that end, machines of others.</summary>
public sealed class ExportOddTests
{
    private static readonly StartBlockExportRequest Vda = new() { Disks = ["vda"] };

    [SkippableFact]
    public async Task ADiskThatBecomesSmallerAndGrowsAgainTakesNoChangeAway()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.Machine.CheckpointAsync("first");
        const long End = ExportMachine.Size - ExportMachine.Grain;
        await machine.Machine.WriteAsync("vda", 5, End, 512);
        await machine.Machine.WriteAsync("vda", 5, 0, 512);
        await machine.BlockSnapshotAsync("now");
        // QEMU itself may refuse it beneath the view; then nothing can be lost.
        await ResizeAsync(machine, ExportMachine.Size / 2);
        await ResizeAsync(machine, ExportMachine.Size);
        HashSet<long> dirty = ExportMachine.Dirty(await machine.StartOneAsync(Vda with { Snapshot = "now", Since = "first" }));
        Assert.True(dirty.IsSupersetOf([0, End / ExportMachine.Grain]), string.Join(",", dirty));
        await machine.StopAsync();
    }

    [SkippableFact]
    public async Task AViewThatBreaksSaysSoAndTheGuestWritesOn()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.WriteAsync(40);
        string before = await machine.TracesAsync();
        VMBlockExport export = await machine.StartOneAsync(Vda with { ScratchLimit = 1 << 20 });
        Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(machine.Bytes()));
        for (long offset = 0; offset < ExportMachine.Size; offset += 1 << 20)
            await machine.Machine.WriteAsync("vda", 9, offset, 1 << 20);
        VMBlockExport broken = Assert.Single(await machine.ExportsAsync());
        Assert.Equal(VMServiceState.Broken, broken.State);
        Assert.Contains("scratch", broken.Reason, StringComparison.Ordinal);
        Assert.NotEqual(0, Tool.TryRun("nbdcopy", export.Uri.ToString(), "null:").Exit);
        await machine.StopAsync();
        Assert.Equal(before, await machine.TracesAsync());
    }

    [SkippableTheory]
    [InlineData(null)]
    [InlineData("tcp://127.0.0.1:0")]
    public async Task WhatItsMachineTakesWithItIsGoneAndNeverOld(string? address)
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.WriteAsync(3);
        await machine.Machine.CheckpointAsync("any");
        await machine.Machine.StopAsync();
        await machine.Machine.StartAsync();
        string before = await machine.TracesAsync();
        VMBlockExport export = await machine.StartOneAsync(Vda with { Address = address });
        await machine.Machine.KillMachineAsync();
        Assert.Equal(VMServiceState.Gone, Assert.Single(await machine.ExportsAsync()).State);
        Assert.NotEqual(0, Tool.TryRun("nbdcopy", export.Uri.ToString(), "null:").Exit);
        await machine.Machine.StartAsync();
        Assert.True((await machine.ExportsAsync()).All(one => one.State == VMServiceState.Gone));
        await machine.ChangeAsync("any");
        Assert.Empty(await machine.ExportsAsync());
        Assert.Empty(machine.Daemons());
        // What was recorded in the images went with the kill; nothing of the export is left.
        string[] Left(string traces) => [.. traces.Split('\n').Where(line => !line.StartsWith("bitmap", StringComparison.Ordinal))];
        Assert.Equal(Left(before), Left(await machine.TracesAsync()));
    }

    [SkippableFact]
    public async Task WhileItsDisksAreServedAStoppedMachineDoesNotStartAndWhileABackupIsItDoes()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: false);
        await machine.WriteAsync(3);
        VMBackup backup = await machine.Machine.BackupAsync();
        byte[] expected = machine.Bytes();
        await machine.StartOneAsync(Vda);
        MomentException refusal = await Assert.ThrowsAsync<MomentException>(machine.Machine.StartAsync);
        Assert.Equal(RestoreErrors.DiskInUse, refusal.ErrorId);
        Assert.Contains("Stop-VMBlockExport", refusal.Message + refusal.Advice, StringComparison.Ordinal);
        await machine.StopAsync();
        VMBlockExport export = await machine.StartOneAsync(new StartBlockExportRequest { Repository = machine.Machine.Repository, BackupId = backup.Id });
        await machine.Machine.StartAsync();
        await machine.WriteAsync(3);
        Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(expected));
        Assert.Equal(VMServiceState.Ready, Assert.Single(await machine.ExportsAsync()).State);
        await machine.StopAsync();
    }

    [SkippableFact]
    public async Task AStorageDaemonWhoseMonitorsSomebodyHoldsKeepsNobodyFromWorkingAndIsStopped()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: false);
        await machine.Machine.CheckpointAsync("any");
        string before = await machine.TracesAsync();
        await machine.StartOneAsync();
        string second = Assert.Single(Directory.GetFiles(machine.RuntimeDirectory, "mt-sd-*.2"));
        using (Socket held = await HoldAsync(second))
        {
            Assert.Equal(VMServiceState.Ready, Assert.Single(await machine.ExportsAsync()).State);
            await machine.ChangeAsync("any");
        }

        using (Socket held = await HoldAsync(second[..^2]))
            Assert.Single(await machine.StopAsync());
        Assert.Equal(before, await machine.TracesAsync());
    }

    [SkippableFact]
    public async Task AMachineOfSomebodyElseWithOneMonitorIsServedToo()
    {
        await using ExportMachine machine = await ExportMachine.CreateAsync(running: true);
        await machine.WriteAsync(3);
        string before = await machine.TracesAsync();
        var other = new MomentEngine(new MomentEngineOptions { StateRoot = Path.Combine(machine.Machine.Scratch, "other"), RuntimeRoot = Path.Combine(machine.Machine.Scratch, "otherrun"), LockTimeout = TimeSpan.FromMinutes(2) });
        await other.RegisterDomainAsync(new RegisterDomainRequest { Name = "theirs", Monitor = Path.Combine(machine.RuntimeDirectory, "qmp") }, machine.Machine.Report, CancellationToken.None);
        string disk = Assert.Single((await other.GetDomainAsync("theirs", machine.Machine.Report, CancellationToken.None)).Disks).Name;
        await other.CreateCheckpointAsync("theirs", new CreateCheckpointRequest { Name = "first" }, machine.Machine.Report, CancellationToken.None);
        HashSet<long> written = await machine.WriteAsync(3);
        VMBlockExport export = Assert.Single(await other.StartBlockExportAsync("theirs", new StartBlockExportRequest { Since = "first" }, machine.Machine.Report, CancellationToken.None));
        byte[] expected = machine.Bytes();
        await machine.WriteAsync(3);
        Assert.Equal((disk, VMServiceState.Ready), (export.Disk, Assert.Single(await other.GetBlockExportsAsync("theirs", machine.Machine.Report, CancellationToken.None)).State));
        Assert.True(machine.Read(export.Uri).AsSpan().SequenceEqual(expected));
        Assert.Equal([.. written.Order()], ExportMachine.Dirty(export).Order());
        Assert.Single(await other.StopBlockExportAsync("theirs", new StopBlockExportRequest(), machine.Machine.Report, CancellationToken.None));
        await other.RemoveMomentsAsync("theirs", new RemoveMomentRequest { Name = "first" }, machine.Machine.Report, CancellationToken.None);
        await other.UnregisterDomainAsync("theirs", new UnregisterDomainRequest { RemoveMetadata = true }, machine.Machine.Report, CancellationToken.None);
        Directory.Delete(Path.Combine(machine.Machine.Scratch, "other"), recursive: true);
        Assert.Equal(before, await machine.TracesAsync());
    }

    private static async Task<Socket> HoldAsync(string monitor)
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(monitor));
        return client;
    }

    private static async Task ResizeAsync(ExportMachine machine, long size)
    {
        try
        {
            await machine.Engine.InvokeQmpAsync(TestMachine.Name, "block_resize", JsonSerializer.Serialize(new Dictionary<string, object>(StringComparer.Ordinal) { ["node-name"] = "mt-vda", ["size"] = size }), CancellationToken.None);
        }
        catch (MomentException refused) when (refused.PeerErrorClass is not null)
        {
            Assert.Contains("resize", refused.Message, StringComparison.OrdinalIgnoreCase);
        }
    }
}
