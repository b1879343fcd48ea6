using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

/// <summary>Restores are compared byte for byte with what the disks held.</summary>
public sealed class BackupRestoreTests
{
    [SkippableTheory]
    [InlineData("qcow2")]
    [InlineData("raw")]
    public async Task EveryBackupShowsTheContentOfItsTimeAndStaysSparse(string format)
    {
        Tool.Require("qemu-storage-daemon");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        string before = SampleRepository.Fingerprint(sample.Repository.Root);
        foreach (BackupManifest backup in sample.Backups())
        {
            IReadOnlyList<VMRestoredDisk> restored = await sample.RestoreAsync(backup.Id, format, destination: $"deep/{backup.Id}");
            Assert.Equal(backup.Disks.Select(disk => disk.Name), restored.Select(disk => disk.Disk));
            foreach (VMRestoredDisk disk in restored)
            {
                Assert.Equal((SampleRepository.Vm, backup.Id, format, (long)SampleRepository.Size), (disk.VM, disk.BackupId, disk.Format, disk.Size));
                Assert.Equal(sample.Scratch[$"deep/{backup.Id}/{disk.Disk}.{format}"], disk.Path);
                string expected = sample.Expected(backup.Id, disk.Disk);
                Tool.Run("qemu-img", "compare", "-f", "raw", "-F", format, expected, disk.Path);
                Assert.InRange(Allocated(disk.Path), 0, Allocated(expected) + (1 << 20));
            }

            Assert.Equal(restored.Count, Directory.GetFiles(sample.Scratch[$"deep/{backup.Id}"]).Length);
        }

        Assert.Equal(before, SampleRepository.Fingerprint(sample.Repository.Root));
        Assert.Contains(sample.Report.Steps, step => step.Activity == "Restoring web1" && step.Done == step.Total && step.Total > 0);
    }

    [SkippableFact]
    public async Task WithoutAnIdTheNewestIsRestoredAndWithDisksOnlyThese()
    {
        Tool.Require("qemu-storage-daemon");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        VMRestoredDisk only = Assert.Single(await sample.RestoreAsync(null, disks: ["vdb"]));
        Assert.Equal((sample.Backups()[^1].Id, "vdb"), (only.BackupId, only.Disk));
        Tool.Run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", sample.Expected(only.BackupId, "vdb"), only.Path);
    }

    [SkippableFact]
    public async Task ACopyOfTheRepositoryRestoresTheSame()
    {
        Tool.Require("qemu-storage-daemon", "cp");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        Tool.Run("cp", "-r", sample.Repository.Root, sample.Scratch["copy"]);
        Directory.Delete(sample.Repository.Root, recursive: true);
        BackupRepository copy = BackupRepository.Open(sample.Scratch["copy"], create: false);
        var request = new RestoreBackupRequest { Repository = copy.Root, Destination = sample.Scratch["out"], Format = "raw" };
        foreach (VMRestoredDisk disk in await sample.RunAsync(request))
            Tool.Run("qemu-img", "compare", "-f", "raw", "-F", "raw", sample.Expected(disk.BackupId, disk.Disk), disk.Path);
    }

    [SkippableFact]
    public async Task AFileThatExistsIsNeverOverwritten()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        Directory.CreateDirectory(sample.Scratch["out"]);
        await File.WriteAllTextAsync(sample.Scratch["out/vdb.qcow2"], "mine");
        await RefusedAsync(FileErrors.FileExists, sample, () => sample.RestoreAsync(null));
        Assert.Equal("mine", await File.ReadAllTextAsync(sample.Scratch["out/vdb.qcow2"]));

        // A link that leads nowhere would be followed by whoever creates the file.
        File.Delete(sample.Scratch["out/vdb.qcow2"]);
        File.CreateSymbolicLink(sample.Scratch["out/vdb.qcow2"], sample.Scratch["elsewhere"]);
        await RefusedAsync(FileErrors.FileExists, sample, () => sample.RestoreAsync(null));
        Assert.False(File.Exists(sample.Scratch["elsewhere"]));
    }

    [SkippableFact]
    public async Task AFileThatAppearsMeanwhileIsNotOverwrittenEither()
    {
        Tool.Require("qemu-storage-daemon");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        sample.Report.OnProgress = step =>
        {
            if (step.Status == "vdb: copying")
                File.WriteAllText(sample.Scratch["out/vdb.qcow2"], "mine");
        };
        await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(null));
        Assert.Equal([sample.Scratch["out/vdb.qcow2"]], Directory.GetFileSystemEntries(sample.Scratch["out"]));
        Assert.Equal("mine", await File.ReadAllTextAsync(sample.Scratch["out/vdb.qcow2"]));
    }

    [SkippableFact]
    public async Task WhatCannotBeMeantIsRefusedWithTheCandidates()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        string newest = sample.Backups()[^1].Id;
        MomentException id = await RefusedAsync(BackupErrors.BackupNotFound, sample, () => sample.RestoreAsync("20260101T000000Z-0000"));
        Assert.Contains(newest, id.Advice, StringComparison.Ordinal);
        MomentException disk = await RefusedAsync(BackupErrors.BackupDiskNotFound, sample, () => sample.RestoreAsync(null, disks: ["vdz"]));
        Assert.Contains("'vda', 'vdb'", disk.Advice, StringComparison.Ordinal);
        await RefusedAsync(BackupErrors.RestoreFormatUnsupported, sample, () => sample.RestoreAsync(null, "vmdk"));
        Assert.False(Directory.Exists(sample.Scratch["out"]));
    }

    [SkippableFact]
    public async Task TheNewestAtOrBeforeATimeIsTakenAndBeforeTheFirstThatIsNamed()
    {
        Tool.Require("qemu-storage-daemon");
        using var sample = new SampleRepository();
        BackupManifest first = await sample.AddAsync(("vda", ["write -P 1 0 64k"]), ("vdb", ["write -P 1 0 64k"]));
        BackupManifest second = await sample.AddAsync(("vda", ["write -P 2 0 64k"]));
        async Task<string> UntilAsync(DateTimeOffset until, params string[] disks) => (await sample.RunAsync(
            new RestoreBackupRequest { Repository = sample.Repository.Root, Until = until, Destination = sample.Scratch[Guid.NewGuid().ToString("N")], Disks = disks }))[0].BackupId;
        Assert.Equal(second.Id, await UntilAsync(second.Created.AddYears(1)));
        Assert.Equal(second.Id, await UntilAsync(second.Created));
        // The newest that has the disk.
        Assert.Equal(first.Id, await UntilAsync(second.Created, "vdb"));
        MomentException none = await RefusedAsync(BackupErrors.BackupNoneBefore, sample, () => UntilAsync(first.Created.AddTicks(-1)));
        Assert.Contains(first.Id, none.Message, StringComparison.Ordinal);
        await RefusedAsync(BackupErrors.RestoreBackupOptions, sample, () => sample.RunAsync(new RestoreBackupRequest { Repository = sample.Repository.Root, Id = first.Id, Until = first.Created, Destination = sample.Scratch["out"] }));

        // Which one the broken one was nobody knows: an older one in its place would be a silent loss.
        File.Delete(Path.Combine(second.Directory, BackupManifest.FileName));
        await RefusedAsync(BackupErrors.BackupNewestBroken, sample, () => UntilAsync(second.Created.AddYears(1)));
    }

    [SkippableFact]
    public async Task AReadOnlyRepositoryRestores()
    {
        Tool.Require("qemu-storage-daemon", "mount", "umount");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        (int exit, _, string error) = Tool.TryRun("mount", "--bind", sample.Repository.Root, sample.Repository.Root);
        Skip.If(exit != 0, $"a read-only file system is needed, and mount says {error}");
        try
        {
            Tool.Run("mount", "-o", "remount,bind,ro", sample.Repository.Root);
            Assert.Equal(2, (await sample.RestoreAsync(null)).Count);
        }
        finally
        {
            Tool.Run("umount", sample.Repository.Root);
        }
    }

    [SkippableFact]
    public async Task AFileInPlaceOfTheDestinationIsTold()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        await File.WriteAllTextAsync(sample.Scratch["out"], "mine");
        await RefusedAsync(FileErrors.StorageFailed, sample, () => sample.RestoreAsync(null));
        Assert.Equal("mine", await File.ReadAllTextAsync(sample.Scratch["out"]));
    }

    [SkippableTheory]
    [InlineData("vda: comparing")]
    [InlineData("vda: copying")]
    [InlineData("vdb: copying")]
    public async Task CancelledInTheMiddleNothingIsLeft(string status)
    {
        Tool.Require("qemu-storage-daemon");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        using var cancel = new CancellationTokenSource();
        sample.Report.OnProgress = step =>
        {
            if (step.Status.StartsWith(status, StringComparison.Ordinal))
                cancel.Cancel();
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sample.RestoreAsync(null, "raw", destination: "out/deep", cancellation: cancel.Token));
        Assert.False(Directory.Exists(sample.Scratch["out"]));
    }

    [SkippableFact]
    public async Task AFullDestinationIsToldAndLeftEmpty()
    {
        Tool.Require("qemu-storage-daemon", "mount", "umount");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        Directory.CreateDirectory(sample.Scratch["out"]);
        (int exit, _, string error) = Tool.TryRun("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", sample.Scratch["out"]);
        Skip.If(exit != 0, $"a small file system is needed, and mount says {error}");
        try
        {
            await RefusedAsync(FileErrors.StorageFull, sample, () => sample.RestoreAsync(null));
            await RefusedAsync(FileErrors.StorageFull, sample, () => sample.RestoreAsync(null, "raw"));
            Assert.Empty(Directory.GetFileSystemEntries(sample.Scratch["out"]));
        }
        finally
        {
            Tool.Run("umount", sample.Scratch["out"]);
        }
    }

    private static async Task<MomentException> RefusedAsync(ErrorId id, SampleRepository sample, Func<Task> restore)
    {
        string before = SampleRepository.Fingerprint(sample.Repository.Root);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(restore);
        Assert.True(id == failure.ErrorId, failure.ToString());
        Assert.Equal(before, SampleRepository.Fingerprint(sample.Repository.Root));
        return failure;
    }

    private static long Allocated(string path) =>
        long.Parse(Tool.Run("stat", "-c", "%b", path), System.Globalization.CultureInfo.InvariantCulture) * 512;
}
