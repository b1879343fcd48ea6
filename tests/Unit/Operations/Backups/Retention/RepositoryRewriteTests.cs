using Microsoft.Win32.SafeHandles;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Checking;
using MomentTools.Operations.Backups.Retention;
using MomentTools.Qcow2;
using MomentTools.Tests.Operations.Backups.Checking;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Retention;

public sealed class RepositoryRewriteTests
{
    private static readonly string[] Both = ["vda", "vdb"];

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AFoldedBackupShowsWhatItShowedAndStoresWhatLayBetween(bool atomic)
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        BackupManifest old = backups[2];
        BackupManifest now = await RewriteAsync(sample, old, new Dictionary<string, string?> { ["vda"] = backups[0].Id }, new DirectoryExchange(atomic));

        Assert.Equal((old.Id, old.Created, old.Uuid, old.Directory), (now.Id, now.Created, now.Uuid, now.Directory));
        Assert.NotNull(now.Merged);
        Assert.Equal(backups[0].Id, now.FindDisk("vda")!.ParentId);
        // 512 KiB to 1.5 MiB, 2 to 3 MiB (zeroes), 64 KiB at 20 MiB, and its own at 47 MiB.
        Assert.Equal((3L << 20) - (1 << 20) + 65536, now.FindDisk("vda")!.CopiedBytes);
        Assert.Equivalent(old.FindDisk("vdb"), now.FindDisk("vdb"));
        Assert.Equivalent(now, sample.Backups()[2]);
        BackupDeletion.Run(backups[1].Directory, null);
        await AssertSoundAsync(sample);
    }

    [SkippableFact]
    public async Task WithoutAParentItBecomesFull()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        BackupManifest now = await RewriteAsync(sample, backups[2], Both.ToDictionary(disk => disk, _ => (string?)null));
        Assert.Equal(VMBackupKind.Full, now.Kind);
        Assert.All(now.Disks, disk => Assert.Null(disk.ParentId));
        Assert.Null(now.Parent);
        BackupDeletion.Run(backups[1].Directory, null);
        BackupDeletion.Run(backups[0].Directory, null);
        await AssertSoundAsync(sample);
        Tool.Run("qemu-img", "check", "-q", now.PathOf(now.Disks[0]));
    }

    [SkippableFact]
    public async Task RotBeneathIsNotTakenOverWhereSmallClustersLeaveAPartOfAGranule()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        string top = backups[2].PathOf(backups[2].FindDisk("vda")!), bottom = backups[0].PathOf(backups[0].FindDisk("vda")!);
        File.Delete(top);
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", "-b", BackupStaging.BackingName(backups[1].Id, "vda"), "-F", "qcow2", top, $"{backups[2].FindDisk("vda")!.VirtualSize}");
        Tool.Run("qemu-io", "-f", "qcow2", "-c", "write -P 9 5M 4k", top);
        await Damage.BlessAsync(backups[2], "vda");
        var parents = new Dictionary<string, string?> { ["vda"] = backups[0].Id };
        using var map = System.Text.Json.JsonDocument.Parse(Tool.Run("qemu-img", "map", "--output=json", "-f", "qcow2", bottom));
        Damage.Flip(bottom, map.RootElement[0].GetProperty("offset").GetInt64() + (5 << 20) + 8192);
        Assert.Equal(BackupErrors.BackupCorrupt, (await Assert.ThrowsAsync<MomentException>(() => RewriteAsync(sample, sample.Backups()[2], parents))).ErrorId);
        Damage.Flip(bottom, map.RootElement[0].GetProperty("offset").GetInt64() + (5 << 20) + 8192);
        Assert.Equal(backups[0].Id, (await RewriteAsync(sample, sample.Backups()[2], parents)).FindDisk("vda")!.ParentId);
    }

    [SkippableFact]
    public async Task WhatIsOnItsParentAlreadyIsLeftAsItIs()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        string before = SampleRepository.Fingerprint(sample.Repository.Root);
        BackupManifest backup = sample.Backups()[2];
        await RewriteAsync(sample, backup, new Dictionary<string, string?> { ["vda"] = backup.FindDisk("vda")!.ParentId });
        Assert.Equal(before, SampleRepository.Fingerprint(sample.Repository.Root));
    }

    [SkippableTheory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    public async Task RotGetsNoHashesOfItsOwn(int damaged, bool beneath)
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        Flip(backups[damaged].PathOf(backups[damaged].FindDisk("vda")!));
        string before = SampleRepository.Fingerprint(sample.Repository.Root);
        // What stays beneath is not read: it keeps its hashes and with them its damage. In full, it is.
        var step = new Dictionary<string, string?> { ["vda"] = beneath ? null : backups[0].Id };
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => RewriteAsync(sample, backups[2], step));
        Assert.Equal(BackupErrors.BackupCorrupt, failure.ErrorId);
        Assert.Equal(before, SampleRepository.Fingerprint(sample.Repository.Root));
    }

    [SkippableTheory]
    [InlineData(1 << 20)]
    [InlineData(6 << 20)]
    public async Task AFullTargetLeavesAllAsItWas(int leave)
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        using var small = SmallFileSystem.Over(sample.Repository.Root, 96);
        List<BackupManifest> backups = sample.Backups();
        string before = SampleRepository.Fingerprint(sample.Repository.Root);
        small.Fill(leave);
        sample.Report.OnProgress = null;
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => RewriteAsync(sample, backups[2], Both.ToDictionary(disk => disk, _ => (string?)null)));
        Assert.Equal(FileErrors.StorageFull, failure.ErrorId);
        small.Free();
        Assert.Equal(Lines(before), Lines(SampleRepository.Fingerprint(sample.Repository.Root)));
        await AssertSoundAsync(sample);
    }

    [SkippableFact]
    public async Task ATargetThatFillsInTheMiddleLeavesAllAsItWas()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        using var small = SmallFileSystem.Over(sample.Repository.Root, 96);
        string before = SampleRepository.Fingerprint(sample.Repository.Root);
        // Somebody else takes the room once it has been found to be there.
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => RewriteAsync(
            sample, sample.Backups()[2], Both.ToDictionary(disk => disk, _ => (string?)null), probe: step =>
            {
                if (step == "backup-rewrite:begun")
                    small.Fill(2 << 20);
            }));
        Assert.Equal(FileErrors.StorageFull, failure.ErrorId);
        small.Free();
        Assert.Equal(Lines(before), Lines(SampleRepository.Fingerprint(sample.Repository.Root)));
        await AssertSoundAsync(sample);
    }

    [SkippableFact]
    public async Task ACancelledRewriteLeavesAllAsItWas()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        string before = SampleRepository.Fingerprint(sample.Repository.Root);
        foreach (string at in (string[])["verified", "begun", "copied", "staged"])
        {
            using var stop = new CancellationTokenSource();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RewriteAsync(
                sample, sample.Backups()[2], new Dictionary<string, string?> { ["vda"] = null }, probe: step =>
                {
                    if (step == "backup-rewrite:" + at)
                        stop.Cancel();
                },
                cancellation: stop.Token));
            Assert.Equal(Lines(before), Lines(SampleRepository.Fingerprint(sample.Repository.Root)));
        }
    }

    [SkippableFact]
    public async Task WhoHasTheOldFilesOpenReadsOn()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        await using Qcow2Chain reader = await BackupChain.Resolve(backups, backups[2], "vda").OpenAsync(CancellationToken.None);
        await RewriteAsync(sample, backups[2], new Dictionary<string, string?> { ["vda"] = backups[0].Id });
        BackupDeletion.Run(backups[1].Directory, null);
        byte[] content = new byte[reader.Length];
        await reader.ReadAsync(0, content, CancellationToken.None);
        Assert.True(content.AsSpan().SequenceEqual(File.ReadAllBytes(sample.Expected(backups[2].Id, "vda"))));
    }

    [SkippableFact]
    public async Task ARestoreThatIsOvertakenBeginsAgain()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        bool done = false;
        // Between the reading of the manifests and the hashes of the files.
        sample.Report.OnProgress = progress =>
        {
            if (done || !progress.Activity.StartsWith("Checking the backup", StringComparison.Ordinal))
                return;
            done = true;
            sample.Report.OnProgress = null;
            RewriteAsync(sample, backups[2], new Dictionary<string, string?> { ["vda"] = backups[0].Id }).GetAwaiter().GetResult();
            BackupDeletion.Run(backups[1].Directory, null);
        };
        IReadOnlyList<VMRestoredDisk> restored = await RepositoryReading.RunAsync(
            sample.Domain, () => sample.RestoreAsync(backups[2].Id, "raw", ["vda"]), sample.Report, CancellationToken.None);
        Assert.True(done);
        Assert.True(File.ReadAllBytes(restored[0].Path).AsSpan().SequenceEqual(File.ReadAllBytes(sample.Expected(backups[2].Id, "vda"))));
    }

    [SkippableFact]
    public async Task ReadersSeeEveryBackupWholeWhileItIsExchanged()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> backups = sample.Backups();
        using var stop = new CancellationTokenSource();
        var readers = Task.Run(() =>
        {
            int read = 0;
            for (; !stop.IsCancellationRequested; read++)
                Assert.Equal(3, sample.Backups().Count);
            return read;
        });
        for (int round = 0; round < 3; round++)
        {
            await RewriteAsync(sample, sample.Backups()[2], new Dictionary<string, string?> { ["vdb"] = null });
            await RewriteAsync(sample, sample.Backups()[2], new Dictionary<string, string?> { ["vdb"] = backups[0].Id });
        }

        await stop.CancelAsync();
        Assert.True(await readers > 10);
        await AssertSoundAsync(sample);
    }

    [SkippableFact]
    public async Task WhatDoesNotChangeIsTheSameFile()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest backup = sample.Backups()[2];
        FileStamp document = FileStamp.Of(Path.Combine(backup.Directory, BackupManifest.DomainFileName))!, disk = FileStamp.Of(backup.PathOf(backup.FindDisk("vdb")!))!;
        BackupManifest now = await RewriteAsync(sample, backup, new Dictionary<string, string?> { ["vda"] = null });
        Assert.Equal(document.Inode, FileStamp.Of(Path.Combine(now.Directory, BackupManifest.DomainFileName))!.Inode);
        Assert.Equal(disk.Inode, FileStamp.Of(now.PathOf(now.FindDisk("vdb")!))!.Inode);
    }

    private static Task<BackupManifest> RewriteAsync(
        SampleRepository sample, BackupManifest backup, Dictionary<string, string?> parents, DirectoryExchange? exchange = null, Action<string>? probe = null, CancellationToken cancellation = default) =>
        new RepositoryRewrite(sample.Repository, sample.Runtime, probe, exchange).RunAsync(sample.Domain, new RewriteStep(backup, parents), sample.Backups(), sample.Report, cancellation);

    private static async Task AssertSoundAsync(SampleRepository sample)
    {
        List<BackupManifest> backups = sample.Backups();
        Assert.Empty((await new BackupTest(sample.Repository, sample.Domain, SampleRepository.Vm, sample.Report).RunAsync(new TestBackupRequest { Repository = sample.Repository.Root }, CancellationToken.None)).Findings.All);
        foreach (BackupManifest backup in backups)
            foreach (BackupManifestDisk disk in backup.Disks)
                Tool.Run("qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", sample.Expected(backup.Id, disk.Name), backup.PathOf(disk));
    }

    // The directories' own times change while something lies in them.
    private static IEnumerable<string> Lines(string fingerprint) => fingerprint.Split('\n').Where(line => line.Contains(".qcow2 ", StringComparison.Ordinal) || line.Contains("json ", StringComparison.Ordinal) || line.Contains("/.", StringComparison.Ordinal));

    private static void Flip(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        long at = RandomAccess.GetLength(file) - 4096;
        byte[] one = new byte[1];
        RandomAccess.Read(file, one, at);
        one[0] ^= 1;
        RandomAccess.Write(file, one, at);
    }
}
