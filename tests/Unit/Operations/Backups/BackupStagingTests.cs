using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

public sealed class BackupStagingTests
{
    [SkippableFact]
    public async Task WhatIsPublishedIsWholeAndReadableWithQemusTools()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        Assert.Equal(["vda,vdb", "vda", "vda,vdb"], backups.Select(backup => string.Join(',', backup.Disks.Select(disk => disk.Name))));
        Assert.Equal(backups[0].Id, backups[2].FindDisk("vdb")!.ParentId);
        foreach (BackupManifest backup in backups)
        {
            string[] files = [.. Directory.GetFiles(backup.Directory).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
            Assert.Equal(["domain.xml", "manifest.json", .. backup.Disks.Select(disk => disk.File)], files);
            Assert.Equal(SampleRepository.Document, await File.ReadAllTextAsync(Path.Combine(backup.Directory, BackupManifest.DomainFileName)));
            Assert.Equal("600", Tool.Run("stat", "-c", "%a", Path.Combine(backup.Directory, BackupManifest.DomainFileName)).Trim());
            foreach (BackupManifestDisk disk in backup.Disks)
            {
                Assert.Equal(new FileInfo(backup.PathOf(disk)).Length, disk.FileSize);
                Tool.Run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", sample.Expected(backup.Id, disk.Name), backup.PathOf(disk));
            }
        }

        Assert.Empty(Hidden(sample));
        Assert.Contains(sample.Report.Steps, step => step is { Activity: "Backing up web1", Status: "vdb: computing hashes" } && step.Done == step.Total);
    }

    [SkippableFact]
    public async Task NothingIsSeenBeforeAndNothingLeftWithoutPublishing()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        string id = sample.NextId();
        await using (BackupStaging staging = sample.Repository.Stage(sample.Domain, SampleRepository.Uuid, id, sample.Report))
        {
            sample.Fill(staging, id, ("vda", ["write -P 9 0 1M"]));
            Assert.Equal(3, sample.Backups().Count);
            Assert.Equal(2, Hidden(sample).Length);
        }

        Assert.Empty(Hidden(sample));
        Assert.Equal(3, sample.Backups().Count);
    }

    [SkippableFact]
    public async Task WhatDoesNotAgreeWithTheManifestIsNotPublished()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        string id = sample.NextId();
        await using (BackupStaging staging = sample.Repository.Stage(sample.Domain, SampleRepository.Uuid, id, sample.Report))
        {
            BackupManifest manifest = sample.Fill(staging, id, ("vda", ["write -P 9 0 1M"]));
            BackupManifestDisk disk = manifest.Disks[0];
            await RefusedAsync(BackupErrors.BackupImageMismatch, staging, manifest with { Disks = [disk with { VirtualSize = 1 << 20 }] });
            await RefusedAsync(BackupErrors.BackupImageMismatch, staging, manifest with { Disks = [disk with { ParentId = sample.Backups()[0].Id }] });
            await RefusedAsync(BackupErrors.BackupImageMismatch, staging, manifest with { Disks = [disk with { Name = "../vda" }] });
            await RefusedAsync(BackupErrors.BackupCorrupt, staging, manifest with { Disks = [disk, disk with { Name = "vdb" }] });
            await RefusedAsync(BackupErrors.BackupManifestBroken, staging, manifest with { Checkpoint = "a b" });
            // Its parent vanishes while it is made.
            Directory.Delete(sample.Backups()[2].Directory, recursive: true);
            await RefusedAsync(BackupErrors.BackupChainBroken, staging, manifest);
        }

        Assert.Empty(Hidden(sample));
        Assert.Equal(2, sample.Backups().Count);
    }

    [SkippableFact]
    public async Task CancelledWhileHashingItIsNotPublished()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        string id = sample.NextId();
        using var cancel = new CancellationTokenSource();
        await using (BackupStaging staging = sample.Repository.Stage(sample.Domain, SampleRepository.Uuid, id, sample.Report))
        {
            BackupManifest manifest = sample.Fill(staging, id, ("vda", ["write -P 9 0 20M"]));
            sample.Report.OnProgress = _ => cancel.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => staging.PublishAsync(manifest, "<domain/>", cancel.Token));
        }

        Assert.Empty(Hidden(sample));
        Assert.Equal(3, sample.Backups().Count);
    }

    [SkippableFact]
    public async Task AFullRepositoryIsToldAndNothingIsLeft()
    {
        Tool.Require("mount", "umount");
        using var sample = new SampleRepository();
        (int exit, _, string error) = Tool.TryRun("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", sample.Repository.Root);
        Skip.If(exit != 0, $"a small file system is needed, and mount says {error}");
        try
        {
            await sample.AddAsync(("vda", ["write -P 1 0 1M"]));
            string id = sample.NextId();
            await using (BackupStaging staging = sample.Repository.Stage(sample.Domain, SampleRepository.Uuid, id, sample.Report))
            {
                BackupManifest manifest = sample.Fill(staging, id, ("vda", ["write -P 9 0 1M"]));
                Tool.TryRun("dd", "if=/dev/zero", $"of={sample.Repository.Root}/filler", "bs=4k");
                MomentException failure = await Assert.ThrowsAsync<MomentException>(() => staging.PublishAsync(manifest, "<domain/>", CancellationToken.None));
                Assert.True(failure.ErrorId == FileErrors.StorageFull, failure.ToString());
            }

            Assert.Empty(Hidden(sample));
            Assert.Single(sample.Backups());
        }
        finally
        {
            Tool.Run("umount", sample.Repository.Root);
        }
    }

    [SkippableFact]
    public async Task TheNextRunRemovesWhatDeadOwnersLeftAndNothingElse()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        using Process alive = Process.Start("sleep", "60");
        using Process dead = Process.Start("sleep", "60");
        StagingOwner self = StagingOwner.Current();
        try
        {
            StagingOwner gone = Of(dead.Id);
            dead.Kill();
            await dead.WaitForExitAsync();
            string[] kept = [Abandon(sample, self), Abandon(sample, Of(alive.Id)), Abandon(sample, gone with { Host = "elsewhere" })];
            string[] removed =
            [
                Abandon(sample, gone), Abandon(sample, Of(alive.Id) with { StartTime = 1 }), Abandon(sample, self with { Boot = "before" }), Abandon(sample, null),
            ];
            string foreign = Path.Combine(sample.Domain, ".mine.partial");
            Directory.CreateDirectory(foreign);
            sample.Report.Warnings.Clear();
            await sample.Repository.RecoverAsync(sample.Domain, sample.Report, CancellationToken.None);
            Assert.All(kept, directory => Assert.True(File.Exists(Path.Combine(directory, "vda.qcow2")), directory));
            Assert.All(removed, directory => Assert.False(Directory.Exists(directory), directory));
            Assert.True(Directory.Exists(foreign));
            Assert.Equal(removed.Length, sample.Report.Warnings.Count);
            Assert.Equal(2 * kept.Length + 1, Hidden(sample).Length);
        }
        finally
        {
            alive.Kill();
        }
    }

    [SkippableFact]
    public async Task WhatAnotherHostMayStillWriteIsNotWrittenTo()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        string other = Abandon(sample, StagingOwner.Current() with { Host = "elsewhere" }), id = Path.GetFileName(other)[1..^".partial".Length];
        await sample.Repository.RecoverAsync(sample.Domain, sample.Report, CancellationToken.None);
        MomentException refused = Assert.Throws<MomentException>(() => sample.Repository.Stage(sample.Domain, SampleRepository.Uuid, id, sample.Report));
        Assert.Equal((FileErrors.FileExists, other), (refused.ErrorId, refused.Target));
        Assert.Equal("half", await File.ReadAllTextAsync(Path.Combine(other, "vda.qcow2")));
        Assert.Equal("elsewhere", StagingOwner.Read(Path.ChangeExtension(other, ".owner"))!.Host);
    }

    private static StagingOwner Of(int processId) => StagingOwner.Current() with { ProcessId = processId, StartTime = HostProcess.Find(processId)!.StartTime };

    private static string Abandon(SampleRepository sample, StagingOwner? owner)
    {
        string directory = Path.Combine(sample.Domain, $".{sample.NextId()}.partial");
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "vda.qcow2"), "half");
        owner?.Write(Path.ChangeExtension(directory, ".owner"));
        return directory;
    }

    private static string[] Hidden(SampleRepository sample) =>
        Directory.GetFileSystemEntries(sample.Domain, ".*", new EnumerationOptions { AttributesToSkip = FileAttributes.None });

    private static async Task RefusedAsync(ErrorId id, BackupStaging staging, BackupManifest manifest)
    {
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => staging.PublishAsync(manifest, "<domain/>", CancellationToken.None));
        Assert.True(failure.ErrorId == id, failure.ToString());
    }
}
