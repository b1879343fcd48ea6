using System.Text.Json;
using MomentTools.Machines;

namespace MomentTools.Tests.Operations.Backups.Restoring;

public sealed class InstantMoveTests
{
    private const long Grain = InstantMachine.Grain;

    [SkippableFact]
    public async Task AMovedMachineNeedsTheRepositoryNoMore()
    {
        await using InstantMachine instant = await InstantMachine.CreateAsync(null, "vda", "vdb");
        IReadOnlyDictionary<string, string> before = instant.Repository();

        await instant.RunAsync(instant.Request with { Move = true });

        await AssertMovedAsync(instant, before);
    }

    [SkippableFact]
    public async Task OneThatRunsOnTheBackupIsMovedLater()
    {
        await using InstantMachine instant = await InstantMachine.CreateAsync();
        IReadOnlyDictionary<string, string> before = instant.Repository();
        await instant.RunAsync();
        await instant.WriteAsync(5, 3 * Grain, Grain);

        VMRestoredDisk moved = Assert.Single(await instant.MoveAsync());

        Assert.Equal((InstantMachine.Copy, instant.Backup.Id, "vda", instant.Overlay()), (moved.Domain, moved.BackupId, moved.Disk, moved.Path));
        // Nothing is left to be moved.
        Assert.Empty(await instant.MoveAsync());
        await AssertMovedAsync(instant, before);
    }

    [SkippableFact]
    public async Task AStoppedMachineIsMovedTheSame()
    {
        await using InstantMachine instant = await InstantMachine.CreateAsync();
        IReadOnlyDictionary<string, string> before = instant.Repository();
        await instant.RunAsync();
        await instant.WriteAsync(5, 3 * Grain, Grain);
        await instant.StopAsync();

        Assert.Single(await instant.MoveAsync());

        await instant.Engine.StartDomainAsync(InstantMachine.Copy, paused: false, instant.Report, CancellationToken.None);
        await AssertMovedAsync(instant, before);
    }

    [SkippableFact]
    public async Task WhatWasTakenOverIsOnStableStorageWhenTheBackupIsNotNamedAnyMore()
    {
        string place = "";
        await using InstantMachine instant = await InstantMachine.CreateAsync(step =>
        {
            // No guest flushes here, and QEMU dies before it closes the image.
            if (step == "layer-pull:finished")
                Assert.Single(HostProcess.All(), process => process.Name.StartsWith("qemu-system", StringComparison.Ordinal) && process.CommandLine.Any(argument => argument.Contains(place, StringComparison.Ordinal))).Signal(HostProcess.Kill);
        });
        place = instant.Destination + "/";
        await instant.RunAsync();

        await Record.ExceptionAsync(() => instant.MoveAsync());

        Assert.Null(InstantMachine.Backing(instant.Overlay()));
        Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(instant.Overlay())));
    }

    [SkippableFact]
    public async Task WhatTheMachineTracksGoesOn()
    {
        await using InstantMachine instant = await InstantMachine.CreateAsync();
        IReadOnlyDictionary<string, string> before = instant.Repository();
        await instant.RunAsync();
        MomentEngine engine = instant.Engine;
        await engine.CreateCheckpointAsync(InstantMachine.Copy, new CreateCheckpointRequest { Name = "monday" }, instant.Report, CancellationToken.None);
        await instant.WriteAsync(5, 3 * Grain, Grain);
        await engine.CreateSnapshotAsync(InstantMachine.Copy, new CreateSnapshotRequest { Name = "clean", DiskOnly = true }, instant.Report, CancellationToken.None);
        await instant.WriteAsync(6, 60 * Grain, Grain);

        await instant.MoveAsync();

        IReadOnlyList<VMChangedBlock> changed = await engine.GetChangedBlocksAsync(InstantMachine.Copy, "monday", [], instant.Report, CancellationToken.None);
        Assert.Equal([(3 * Grain, Grain), (60 * Grain, Grain)], changed.Select(run => (run.Offset, run.Length)));
        Assert.Empty(await engine.TestMomentsAsync(InstantMachine.Copy, [], instant.Report, CancellationToken.None));
        // The layer that stood on the repository is the snapshot's now.
        Assert.Null(InstantMachine.Backing(instant.Overlay()));
        await instant.StopAsync();
        string active = (await instant.CopyAsync()).Disks[0].Path!;
        Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(active)));
        Assert.Equal(before, instant.Repository());
        Assert.Empty(instant.Report.Failures);
    }

    [SkippableFact]
    public async Task ACancelledMoveLeavesTheMachineRunningAndIsContinued()
    {
        using var stop = new CancellationTokenSource();
        await using InstantMachine instant = await InstantMachine.CreateAsync(step =>
        {
            if (step == "layer-pull:intent")
                stop.Cancel();
        });
        IReadOnlyDictionary<string, string> before = instant.Repository();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => instant.RunAsync(instant.Request with { Move = true }, stop.Token));

        Assert.Equal(VMState.Running, (await instant.CopyAsync()).State);
        Assert.Equal(instant.Backup.Disks[0].Path, InstantMachine.Backing(instant.Overlay()));
        Assert.Equal(0, (await instant.Engine.InvokeQmpAsync(InstantMachine.Copy, "query-jobs", null, CancellationToken.None)).GetArrayLength());
        Assert.Contains(instant.Report.Warnings, warning => warning.Contains("-AsDomain web2 -Move moves it.", StringComparison.Ordinal));
        await instant.WriteAsync(5, 3 * Grain, Grain);

        await instant.MoveAsync();
        await AssertMovedAsync(instant, before);
    }

    private static async Task AssertMovedAsync(InstantMachine instant, IReadOnlyDictionary<string, string> before)
    {
        Assert.Equal(VMState.Running, (await instant.CopyAsync()).State);
        Assert.Equal(before, instant.Repository());
        foreach (VMDisk disk in (await instant.CopyAsync()).Disks)
            Assert.Null(InstantMachine.Backing(disk.Path!));
        JsonElement nodes = await instant.Engine.InvokeQmpAsync(InstantMachine.Copy, "query-named-block-nodes", """{"flat":true}""", CancellationToken.None);
        Assert.DoesNotContain(instant.Machine.Repository, nodes.GetRawText(), StringComparison.Ordinal);
        // Without the repository all goes on.
        string away = instant.Machine.Repository + ".away";
        Directory.Move(instant.Machine.Repository, away);
        await instant.WriteAsync(7, 20 * Grain, Grain);
        await instant.StopAsync();
        Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(instant.Overlay())));
        await instant.Engine.StartDomainAsync(InstantMachine.Copy, paused: false, instant.Report, CancellationToken.None);
        Assert.Empty(instant.Report.Failures);
    }
}
