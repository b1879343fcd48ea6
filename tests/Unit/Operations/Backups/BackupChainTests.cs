using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

public sealed class BackupChainTests
{
    [Fact]
    public void ADiskFollowsItsOwnParentsPastBackupsWithoutIt()
    {
        BackupManifest[] all =
        [
            SampleManifest.Of(1, SampleManifest.Disk("vda"), SampleManifest.Disk("vdb")),
            SampleManifest.Of(2, SampleManifest.Disk("vda", 1)),
            SampleManifest.Of(3, SampleManifest.Disk("vda", 2), SampleManifest.Disk("vdb", 1)),
            SampleManifest.Of(4, SampleManifest.Disk("vda"), SampleManifest.Disk("vdb", 3)),
        ];
        Assert.Equal([3, 2, 1], Numbers(all, 3, "vda"));
        Assert.Equal([3, 1], Numbers(all, 3, "vdb"));
        Assert.Equal([4], Numbers(all, 4, "vda"));
        Assert.Equal([4, 3, 1], Numbers(all, 4, "vdb"));
        Assert.Equal("../" + SampleManifest.Id(1) + "/vdb.qcow2", BackupChain.Resolve(all, all[2], "vdb").Top.BackingName);
    }

    [SkippableFact]
    public async Task AnOpenedChainReadsAsTheDiskWas()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        foreach (BackupManifest backup in backups)
        {
            foreach (BackupManifestDisk disk in backup.Disks)
            {
                await using Qcow2Chain chain = await BackupChain.Resolve(backups, backup, disk.Name).OpenAsync(CancellationToken.None);
                byte[] read = new byte[chain.Length];
                await chain.ReadAsync(0, read, CancellationToken.None);
                byte[] expected = await File.ReadAllBytesAsync(sample.Expected(backup.Id, disk.Name));
                Assert.True(read.AsSpan().SequenceEqual(expected), $"{backup.Id} {disk.Name}");
            }
        }

        // A file that names another one beneath it is not followed.
        Tool.Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", BackupStaging.BackingName(backups[0].Id, "vda"), "-F", "qcow2", backups[2].PathOf(backups[2].FindDisk("vda")!));
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => BackupChain.Resolve(backups, backups[2], "vda").OpenAsync(CancellationToken.None));
        Assert.Equal(BackupErrors.BackupImageMismatch, refused.ErrorId);
    }

    [Fact]
    public void AMissingParentACycleAndAParentWithoutTheDiskAreNamed()
    {
        BackupManifest[] all =
        [
            SampleManifest.Of(1, SampleManifest.Disk("vda", 3), SampleManifest.Disk("vdb")),
            SampleManifest.Of(2, SampleManifest.Disk("vda", 1), SampleManifest.Disk("vdc", 1)),
            SampleManifest.Of(3, SampleManifest.Disk("vda", 2), SampleManifest.Disk("vdb", 9)),
        ];
        Assert.Equal((BackupErrors.BackupChainBroken, SampleManifest.Id(3)), Refused(all, 3, "vda"));
        Assert.Equal((BackupErrors.BackupChainBroken, SampleManifest.Id(9)), Refused(all, 3, "vdb"));
        Assert.Equal((BackupErrors.BackupChainBroken, SampleManifest.Id(1)), Refused(all, 2, "vdc"));
        Assert.Equal((BackupErrors.BackupDiskNotFound, "vdx"), Refused(all, 2, "vdx"));
    }

    [Fact]
    public void AChainMayHaveAThousandBackups()
    {
        BackupManifest[] all = [.. Enumerable.Range(0, 1000).Select(i => SampleManifest.Of(i, SampleManifest.Disk("vda", i == 0 ? null : i - 1)))];
        Assert.Equal(1000, BackupChain.Resolve(all, all[^1], "vda").Links.Count);
    }

    private static int[] Numbers(BackupManifest[] all, int number, string disk) =>
        [.. BackupChain.Resolve(all, all[number - 1], disk).Links.Select(link => Array.IndexOf(all, link.Backup) + 1)];

    private static (ErrorId Id, string? Target) Refused(BackupManifest[] all, int number, string disk)
    {
        MomentException failure = Assert.Throws<MomentException>(() => BackupChain.Resolve(all, all[number - 1], disk));
        return (failure.ErrorId, failure.Target);
    }
}
