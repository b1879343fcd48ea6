using MomentTools.Errors;
using MomentTools.Operations.Backups;

namespace MomentTools.Tests.Operations.Backups;

/// <summary>What lies beside backups after a crash, and what becomes of it.</summary>
public sealed class RepositoryRecoveryTests
{
    [SkippableFact]
    public async Task ABackupThatLostItsPlaceIsReadWhereItLiesAndGetsItBack()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest backup = sample.Backups()[1];
        Directory.Move(backup.Directory, BackupPlaces.Aside(backup.Directory));

        Assert.Equal(3, sample.Backups().Count);
        Assert.Equal(BackupPlaces.Aside(backup.Directory), sample.Backups()[1].Directory);
        foreach (string id in (string[])[backup.Id, sample.Backups()[2].Id])
        {
            IReadOnlyList<VMRestoredDisk> restored = await sample.RestoreAsync(id, "raw", ["vda"], "out" + id);
            Assert.True(File.ReadAllBytes(restored[0].Path).AsSpan().SequenceEqual(File.ReadAllBytes(sample.Expected(id, "vda"))));
        }

        await sample.Repository.RecoverAsync(sample.Domain, sample.Report, CancellationToken.None);
        Assert.Equal(backup.Directory, sample.Backups()[1].Directory);
        Assert.Contains(sample.Report.Warnings, warning => warning.Contains(backup.Directory, StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task WhatWasReplacedOrRemovedIsDeleted()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest backup = sample.Backups()[1];
        string[] left = [BackupPlaces.Aside(backup.Directory), BackupPlaces.Removed(backup.Directory), Path.Combine(sample.Domain, $".{backup.Id}.partial")];
        foreach (string directory in left)
        {
            Directory.CreateDirectory(directory);
            File.Copy(Path.Combine(backup.Directory, BackupManifest.FileName), Path.Combine(directory, BackupManifest.FileName));
        }

        // Strangers' directories are left alone, whatever they are called.
        string stranger = Path.Combine(sample.Domain, ".mine.aside");
        Directory.CreateDirectory(stranger);
        Assert.Equal(backup.Directory, sample.Backups()[1].Directory);
        await sample.Repository.RecoverAsync(sample.Domain, sample.Report, CancellationToken.None);
        Assert.DoesNotContain(left, Directory.Exists);
        Assert.True(Directory.Exists(stranger));
        Assert.Equal(3, sample.Backups().Count);
    }

    [SkippableFact]
    public async Task WhatABackupWasBeforeItWasRewrittenGoesWithIt()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest last = sample.Backups()[2];
        string aside = BackupPlaces.Aside(last.Directory);
        Directory.CreateDirectory(aside);
        foreach (string path in Directory.GetFiles(last.Directory))
            File.Copy(path, Path.Combine(aside, Path.GetFileName(path)));
        BackupDeletion.Run(last.Directory, null);
        Assert.Equal(2, sample.Backups().Count);
        Assert.False(Directory.Exists(aside));
    }

    [SkippableFact]
    public async Task ReadingBeginsAgainOnlyWhereTheBackupsChanged()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        int attempts = 0;
        MomentException failure = BackupErrors.Corrupt("file", "it is");
        await Assert.ThrowsAsync<MomentException>(() => RepositoryReading.RunAsync<int>(
            sample.Domain, () => throw (++attempts > 0 ? failure : null!), sample.Report, CancellationToken.None));
        Assert.Equal(1, attempts);

        int found = await RepositoryReading.RunAsync(
            sample.Domain, async () =>
            {
                if (++attempts > 3)
                    return attempts;
                await sample.AddAsync(("vda", ["write -P 9 0 64k"]));
                throw failure;
            },
            sample.Report, CancellationToken.None);
        Assert.Equal(4, found);
    }
}
