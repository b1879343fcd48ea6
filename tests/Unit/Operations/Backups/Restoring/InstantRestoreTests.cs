using MomentTools.Errors;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Restoring;

public sealed class InstantRestoreTests
{
    private const long Grain = InstantMachine.Grain;

    [SkippableFact]
    public async Task TheMachineRunsOnTheBackupWhichIsOnlyRead()
    {
        await using InstantMachine instant = await InstantMachine.CreateAsync(null, "vda", "vdb");
        IReadOnlyDictionary<string, string> before = instant.Repository();

        IReadOnlyList<VMRestoredDisk> disks = await instant.RunAsync();

        Assert.Equal([("vda", InstantMachine.Copy), ("vdb", InstantMachine.Copy)], disks.Select(disk => (disk.Disk, disk.Domain!)));
        Assert.Equal(instant.Backup.Id, disks[0].BackupId);
        VMDomain copy = await instant.CopyAsync();
        Assert.Equal(VMState.Running, copy.State);
        Assert.NotEqual(instant.Backup.Uuid, copy.Uuid);
        Assert.Equal(disks.Select(disk => disk.Path), copy.Disks.Select(disk => disk.Path!));
        Assert.Equal(instant.Backup.Disks[0].Path, InstantMachine.Backing(instant.Overlay()));
        Assert.Contains("backing file format: qcow2", Tool.Run("qemu-img", "info", "-U", instant.Overlay()), StringComparison.Ordinal);

        await instant.WriteAsync(7, 0, Grain);
        await instant.WriteAsync(8, 100 * Grain, Grain);
        await instant.StopAsync();
        Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(instant.Overlay())));
        Assert.Equal(before, instant.Repository());

        // And it starts again as any other.
        await instant.Engine.StartDomainAsync(InstantMachine.Copy, paused: false, instant.Report, CancellationToken.None);
        Assert.Equal(before, instant.Repository());
    }

    [SkippableFact]
    public async Task ABackupThatIsRemovedWhileTheMachineIsStartedLeavesNoMachineWithoutIt()
    {
        string backup = "";
        await using InstantMachine instant = await InstantMachine.CreateAsync(step =>
        {
            if (step == "restore-instant:opened")
                Directory.Delete(backup, recursive: true);
        });
        backup = Path.GetDirectoryName(instant.Backup.Disks[0].Path)!;
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => instant.RunAsync());
        Assert.Equal("BackupNotFound", refused.ErrorId.Name);
        Assert.DoesNotContain(InstantMachine.Copy, instant.Engine.FindDomains("*"));
    }

    [SkippableFact]
    public async Task NeitherSnapshotsNorForgettingTheMachineTouchTheBackup()
    {
        await using InstantMachine instant = await InstantMachine.CreateAsync();
        await instant.RunAsync();
        IReadOnlyDictionary<string, string> before = instant.Repository();
        MomentEngine engine = instant.Engine;
        foreach (string name in (string[])["one", "two"])
        {
            await engine.CreateSnapshotAsync(InstantMachine.Copy, new CreateSnapshotRequest { Name = name, DiskOnly = true }, instant.Report, CancellationToken.None);
            await instant.WriteAsync(name == "one" ? (byte)4 : (byte)5, 4 * Grain, 2 * Grain);
        }

        await engine.RemoveSnapshotsAsync(InstantMachine.Copy, new RemoveSnapshotRequest { Name = "two", UndoFor = TimeSpan.Zero }, instant.Report, CancellationToken.None);
        await engine.MergeSnapshotAsync(InstantMachine.Copy, new MergeSnapshotRequest { Name = "one", Force = true }, instant.Report, CancellationToken.None);
        await instant.WriteAsync(6, 6 * Grain, Grain);
        await instant.StopAsync();
        string active = (await instant.CopyAsync()).Disks[0].Path!;
        Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(active)));
        Assert.Equal(instant.Overlay(), active);
        Assert.Equal(instant.Backup.Disks[0].Path, InstantMachine.Backing(active));

        await engine.UnregisterDomainAsync(InstantMachine.Copy, new UnregisterDomainRequest { RemoveMetadata = true }, instant.Report, CancellationToken.None);
        Assert.Equal(before, instant.Repository());
        Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(active)));
        Assert.Empty(instant.Report.Failures);
    }

    [SkippableFact]
    public async Task ItsFirstBackupIsFullAndStandsOnNothing()
    {
        await using InstantMachine instant = await InstantMachine.CreateAsync();
        await instant.RunAsync();
        await instant.WriteAsync(7, Grain, Grain);

        VMBackup first = await instant.Engine.BackupAsync(InstantMachine.Copy, new BackupRequest { Repository = instant.Machine.Repository }, instant.Report, CancellationToken.None);
        byte[] then = [.. instant.Expected];
        await instant.WriteAsync(8, 50 * Grain, Grain);
        VMBackup second = await instant.Engine.BackupAsync(InstantMachine.Copy, new BackupRequest { Repository = instant.Machine.Repository }, instant.Report, CancellationToken.None);

        Assert.Equal((VMBackupKind.Full, InstantMachine.Copy), (first.Kind, first.VM));
        Assert.Null(InstantMachine.Backing(first.Disks[0].Path));
        Assert.True(then.AsSpan().SequenceEqual(instant.Machine.Content(first.Disks[0].Path)));
        Assert.Equal(VMBackupKind.Incremental, second.Kind);
        Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(second.Disks[0].Path)));
    }

    [SkippableFact]
    public async Task TheBackupThatItStandsOnIsNotRemovedBeforeItIsMoved()
    {
        await using InstantMachine instant = await InstantMachine.CreateAsync();
        string full = (await instant.Engine.GetBackupsAsync(instant.Machine.Repository, null, null, instant.Report, CancellationToken.None))[0].Id;
        await instant.RunAsync();
        IReadOnlyDictionary<string, string> before = instant.Repository();

        await RefusedAsync(() => RemoveAsync(instant.Backup.Id));
        await RefusedAsync(() => RemoveAsync(full));
        await instant.StopAsync();
        // Nor while it is stopped: it would not start again.
        await RefusedAsync(() => RemoveAsync(instant.Backup.Id));
        await instant.MoveAsync();
        await RemoveAsync(instant.Backup.Id);

        await instant.Engine.StartDomainAsync(InstantMachine.Copy, paused: false, instant.Report, CancellationToken.None);
        await instant.StopAsync();
        Assert.True(instant.Expected.AsSpan().SequenceEqual(instant.Machine.Content(instant.Overlay())));

        Task RemoveAsync(string id) =>
            instant.Engine.RemoveBackupsAsync(TestMachine.Name, new RemoveBackupRequest { Repository = instant.Machine.Repository, Ids = [id], Merge = true }, instant.Report, CancellationToken.None);

        async Task RefusedAsync(Func<Task> work)
        {
            await Assert.ThrowsAsync<MomentException>(work);
            Assert.Equal(before, instant.Repository());
        }
    }

    [SkippableFact]
    public async Task WhatFailsOrIsCancelledLeavesNothing()
    {
        string? fail = null;
        using var stop = new CancellationTokenSource();
        await using InstantMachine instant = await InstantMachine.CreateAsync(step =>
        {
            if (step == fail)
                throw new InvalidOperationException("as the test wants it");
            if (step == "restore-instant:start" && fail is null)
                stop.Cancel();
        });
        foreach (string step in (string[])["restore-instant:files", "restore-instant:start", "restore-instant:started"])
        {
            fail = step;
            await Assert.ThrowsAsync<InvalidOperationException>(() => instant.RunAsync());
            instant.AssertNothingLeft(step);
        }

        fail = null;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => instant.RunAsync(cancellation: stop.Token));
        instant.AssertNothingLeft("cancelled");
        Assert.NotEmpty(await instant.RunAsync());
    }

    [SkippableFact]
    public async Task AMachineThatQemuCannotStartLeavesNothing()
    {
        await using InstantMachine instant = await InstantMachine.CreateAsync();
        string definition = instant.Machine.Xml().Replace("hvm</type></os>", "hvm</type><kernel>/there/is/none</kernel></os>", StringComparison.Ordinal);
        await instant.Engine.RegisterDomainAsync(new RegisterDomainRequest { Xml = definition, Update = true }, instant.Report, CancellationToken.None);
        await instant.Machine.BackupAsync();

        Assert.Equal("VMStartFailed", (await Assert.ThrowsAsync<MomentException>(() => instant.RunAsync())).ErrorId.Name);
        instant.AssertNothingLeft("start failed");
    }

    [SkippableFact]
    public async Task WhatCannotBeIsRefusedBeforeAnythingIsMade()
    {
        await using InstantMachine instant = await InstantMachine.CreateAsync();
        RestoreBackupRequest request = instant.Request;
        await RefusedAsync("RestoreInstantIncomplete", request with { AsDomain = null });
        await RefusedAsync("RestoreDestinationMissing", request with { Destination = null });
        await RefusedAsync("RestoreInstantIncomplete", request with { Format = "raw" });
        await RefusedAsync("RestoreBackupOptions", request with { InPlace = true });
        await RefusedAsync("RestoreInstantIncomplete", request with { Destination = Path.Combine(instant.Machine.Repository, "run") });
        await RefusedAsync("DomainNameInvalid", request with { AsDomain = "../x" });
        await RefusedAsync("VMExists", request with { AsDomain = TestMachine.Name });
        await RefusedAsync("BackupNotFound", request with { Id = "20200101T000000Z-0000" });
        instant.AssertNothingLeft("refused");

        // What is there stays as it is.
        Directory.CreateDirectory(instant.Destination);
        File.WriteAllText(instant.Overlay(), "mine");
        await RefusedAsync("FileExists", request);
        Assert.Equal("mine", File.ReadAllText(instant.Overlay()));
        Directory.Delete(instant.Destination, recursive: true);

        // A file of the chain that is cut off, missing, or stands on another one.
        string full = (await instant.Engine.GetBackupsAsync(instant.Machine.Repository, null, null, instant.Report, CancellationToken.None))[0].Disks[0].Path;
        byte[] whole = File.ReadAllBytes(full);
        File.WriteAllBytes(full, whole[..^Environment.SystemPageSize]);
        await RefusedAsync("BackupCorrupt", request);
        File.Delete(full);
        await RefusedAsync("BackupCorrupt", request);
        File.WriteAllBytes(full, whole);
        Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "/etc/passwd", instant.Backup.Disks[0].Path);
        await RefusedAsync("BackupImageMismatch", request);
        instant.AssertNothingLeft("damaged");

        async Task RefusedAsync(string id, RestoreBackupRequest wrong) =>
            Assert.Equal(id, (await Assert.ThrowsAsync<MomentException>(() => instant.RunAsync(wrong))).ErrorId.Name);
    }
}
