using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

/// <summary>No damage to the files of a chain goes unseen, and a damaged backup restores nothing.</summary>
public sealed class BackupDamageTests
{
    [SkippableFact]
    public async Task AFlippedByteAnywhereInAnyFileOfTheChainIsFound()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        var random = new Random(17);
        foreach (BackupManifest backup in sample.Backups())
        {
            BackupManifestDisk disk = backup.FindDisk("vda")!;
            string path = backup.PathOf(disk);
            long[] places = [0, 24, disk.FileSize - 1, .. Enumerable.Range(0, 5).Select(_ => random.NextInt64(disk.FileSize))];
            foreach (long at in places)
            {
                Flip(path, at);
                MomentException failure = await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(null));
                Assert.True(failure.ErrorId == BackupErrors.BackupCorrupt, failure.ToString());
                Assert.Contains($"'{path}'", failure.Message, StringComparison.Ordinal);
                Assert.Contains($"at offset {at / disk.HashChunkSize * disk.HashChunkSize} ", failure.Message, StringComparison.Ordinal);
                Flip(path, at);
            }
        }

        Assert.False(Directory.Exists(sample.Scratch["out"]));
    }

    [SkippableFact]
    public async Task ATruncatedALongerAndAMissingFileAreFound()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest first = sample.Backups()[0];
        string path = first.PathOf(first.FindDisk("vda")!);
        byte[] content = await File.ReadAllBytesAsync(path);
        foreach (byte[] wrong in (byte[][])[content[..^1], content[..100], [], [.. content, 0]])
        {
            await File.WriteAllBytesAsync(path, wrong);
            Assert.Equal(BackupErrors.BackupCorrupt, (await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(null))).ErrorId);
        }

        File.Delete(path);
        Assert.Equal(BackupErrors.BackupCorrupt, (await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(null))).ErrorId);
        // The other disk does not need it.
        Tool.Require("qemu-storage-daemon");
        Assert.Equal("vdb", Assert.Single(await sample.RestoreAsync(null, disks: ["vdb"])).Disk);
    }

    [SkippableFact]
    public async Task AMissingParentIsNamedAndCostsOnlyWhatStandsOnIt()
    {
        Tool.Require("qemu-storage-daemon");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest second = sample.Backups()[1];
        Directory.Delete(second.Directory, recursive: true);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(null));
        Assert.Equal((BackupErrors.BackupChainBroken, second.Id), (failure.ErrorId, failure.Target));
        Assert.Single(await sample.RestoreAsync(null, disks: ["vdb"]));
    }

    [SkippableFact]
    public async Task ABrokenManifestCostsThatBackupAlone()
    {
        Tool.Require("qemu-storage-daemon");
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> all = sample.Backups();
        string path = Path.Combine(all[2].Directory, BackupManifest.FileName);
        byte[] content = await File.ReadAllBytesAsync(path);
        for (int at = 0; at < content.Length; at += 37)
        {
            Flip(path, at);
            List<MomentException> broken = [];
            Assert.Equal(all.Take(2).Select(one => one.Id), sample.Repository.Backups(sample.Domain, broken.Add).Select(one => one.Id));
            MomentException told = Assert.Single(broken);
            Assert.True(told.ErrorId == BackupErrors.BackupManifestBroken || told.ErrorId == BackupErrors.BackupFormatUnknown, told.ToString());
            Assert.Equal(path, told.Target);
            Flip(path, at);
        }

        Flip(path, content.Length / 2);
        // An older backup in place of the newest would be a silent loss.
        MomentException newest = await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(null));
        Assert.Equal(BackupErrors.BackupNewestBroken, newest.ErrorId);
        Assert.Contains(all[1].Id, newest.Advice, StringComparison.Ordinal);
        Assert.Equal(BackupErrors.BackupManifestBroken, (await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(all[2].Id))).ErrorId);
        Assert.Single(await sample.RestoreAsync(all[1].Id));
    }

    [SkippableFact]
    public async Task AnImageThatNamesOtherFilesThanItsManifestIsRefused()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        string secret = sample.Scratch["secret"];
        await File.WriteAllBytesAsync(secret, new byte[1 << 20]);
        string[][] makings =
        [
            ["create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw"],
            ["create", "-q", "-f", "qcow2", "-o", $"data_file={sample.Scratch["data"]},data_file_raw=on"],
            ["create", "-q", "-f", "qcow2"],
        ];
        foreach ((string[] making, int i) in makings.Select((making, i) => (making, i)))
        {
            string id = sample.NextId();
            await using BackupStaging staging = sample.Repository.Stage(sample.Domain, SampleRepository.Uuid, id, sample.Report);
            BackupManifest manifest = sample.Fill(staging, id);
            string path = staging.DiskPath("vda");
            Tool.Run("qemu-img", [.. making, path, i == 2 ? "8M" : $"{SampleRepository.Size}"]);
            var disk = new BackupManifestDisk { Name = "vda", Kind = VMBackupKind.Full, File = "vda.qcow2", VirtualSize = SampleRepository.Size, CopiedBytes = 0, PointId = "p" };
            MomentException failure = await Assert.ThrowsAsync<MomentException>(
                () => staging.PublishAsync(manifest with { Disks = [disk] }, "<domain/>", CancellationToken.None));
            Assert.True(failure.ErrorId == BackupErrors.BackupImageMismatch, failure.ToString());
        }

        Assert.Equal(3, sample.Backups().Count);
    }

    private static void Flip(string path, long at)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = at;
        int value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 0x01));
    }
}
