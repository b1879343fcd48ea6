using System.Diagnostics;
using System.Text;
using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Checking;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Checking;

/// <summary>
/// A repository from a stranger: whatever lies under the names of a backup's files, nothing outside is read or written, nothing hangs, and
/// memory stays bounded; it is named by the test, and not restored.
/// </summary>
public sealed class StrangerTests
{
    // What hangs, hangs for ever; a machine that is busy is slow.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [SkippableTheory]
    [InlineData("link")]
    [InlineData("dangling")]
    [InlineData("fifo")]
    [InlineData("device")]
    [InlineData("directory")]
    public async Task WhatIsNoFileIsNamedAndNeverOpened(string kind)
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest last = sample.Backups()[2];
        string disk = last.PathOf(last.FindDisk("vda")!);
        foreach (string path in (string[])[disk, Path.Combine(last.Directory, BackupManifest.DomainFileName), Path.Combine(last.Directory, BackupManifest.FileName)])
        {
            // The link leads to the very bytes: it is refused for what it is.
            string outside = sample.Scratch["outside"];
            File.Move(path, outside);
            Put(kind, path, outside);
            VMBackupFinding finding = Assert.Single(await BackupTestTests.TestAsync(sample).WaitAsync(Patience));
            Assert.Equal((last.Id, path, path.EndsWith(".json", StringComparison.Ordinal) ? "BackupManifestBroken" : "BackupCorrupt"), (finding.BackupId, finding.Path, finding.Id));
            if (!path.EndsWith(".xml", StringComparison.Ordinal))
                Assert.Equal(ErrorKind.CorruptData, (await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(last.Id).WaitAsync(Patience))).Kind);
            Remove(path);
            File.Move(outside, path);
        }

        Assert.Empty(await BackupTestTests.TestAsync(sample));
        Assert.False(Directory.Exists(sample.Scratch["out"]));
    }

    [SkippableTheory]
    [InlineData("link")]
    [InlineData("fifo")]
    [InlineData("directory")]
    public async Task TheMarkAndTheLockLeadNowhere(string kind)
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        string domain = sample.Domain, mark = Path.Combine(domain, DomainMarker.FileName), outside = sample.Scratch["outside"], held = Path.Combine(domain, BackupRepository.LockName);
        await File.WriteAllTextAsync(outside, "mine");
        if (Path.Exists(held))
            File.Delete(held);
        Put(kind, held, outside);
        await Assert.ThrowsAsync<MomentException>(() => sample.Repository.TakeLockAsync(domain, "test", TimeSpan.FromSeconds(1), CancellationToken.None).WaitAsync(Patience));
        Assert.Equal("mine", await File.ReadAllTextAsync(outside));
        Assert.Equal(held, Assert.Single(await BackupTestTests.TestAsync(sample).WaitAsync(Patience)).Path);
        Remove(held);

        File.Delete(mark);
        Put(kind, mark, outside);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => Task.Run(() => sample.Repository.Backups(domain, _ => { })).WaitAsync(Patience));
        Assert.Equal(mark, refused.Target);
    }

    [SkippableFact]
    public async Task ADirectoryOfABackupThatIsALinkIsNotFollowed()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest last = sample.Backups()[2];
        string outside = sample.Scratch["outside"];
        Directory.Move(last.Directory, outside);
        Directory.CreateSymbolicLink(last.Directory, outside);
        VMBackupFinding[] findings = [.. await BackupTestTests.TestAsync(sample)];
        Assert.All(findings, finding => Assert.Equal((last.Id, "BackupManifestBroken"), (finding.BackupId, finding.Id)));
        Assert.NotEmpty(findings);
        await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(last.Id));
        File.Delete(last.Directory);
        await File.WriteAllTextAsync(last.Directory, "a file");
        Assert.Equal((last.Id, "BackupManifestBroken"), Assert.Single(await BackupTestTests.TestAsync(sample)) is var finding ? (finding.BackupId, finding.Id) : default);
    }

    [SkippableFact]
    public async Task HardLinksAreToldAndNoDamage()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest last = sample.Backups()[2];
        string path = last.PathOf(last.FindDisk("vda")!);
        Tool.Run("ln", path, sample.Scratch["copy"]);
        Assert.Empty(await BackupTestTests.TestAsync(sample));
        Assert.Contains(sample.Report.Details, text => text.Contains(path, StringComparison.Ordinal) && text.Contains("2 names", StringComparison.Ordinal));
        // Written by the other name it is damage.
        Damage.Flip(sample.Scratch["copy"], 5000);
        Assert.Equal(path, Assert.Single(await BackupTestTests.TestAsync(sample)).Path);
    }

    [SkippableFact]
    public async Task GiganticManifestsAreRefusedInBoundedMemory()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest last = sample.Backups()[2];
        string path = Path.Combine(last.Directory, BackupManifest.FileName);
        byte[] content = await File.ReadAllBytesAsync(path);
        string text = Encoding.UTF8.GetString(content);
        const int size = 60 << 20;
        int hashes = text.IndexOf("\"ChunkHashes\": [", StringComparison.Ordinal) + "\"ChunkHashes\": [".Length;
        // As long as is read at all, and made to become as much as can be in memory.
        (string What, Action Write)[] makings =
        [
            ("longer than is read", () => { using FileStream file = File.OpenWrite(path); file.SetLength(1L << 40); }),
            ("empty texts", () => Fill(Encoding.UTF8.GetBytes(text[..hashes]), "\"\",")),
            ("lists in lists", () => Fill("{\"Format\": 1, \"Disks\": "u8.ToArray(), "[")),
            ("unknown numbers", () => Fill("{\"Format\": 1, \"More\": ["u8.ToArray(), "1,")),
            ("numbers before the format", () => Fill("{\"More\": ["u8.ToArray(), "1,")),
            ("empty disks", () => Fill("{\"Format\": 1, \"Disks\": ["u8.ToArray(), "{},")),
        ];
        foreach ((string what, Action write) in makings)
        {
            write();
            long before = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            MomentException broken = Assert.Throws<MomentException>(() => BackupManifestFile.Read(last.Directory));
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(broken.ErrorId == BackupErrors.BackupManifestBroken, $"{what}: {broken.ErrorId}");
            // The file itself, and no multiple of it.
            Assert.True(allocated < size * 1.5, $"{what}: {allocated} bytes");
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(1), what);
            File.Delete(path);
        }

        await File.WriteAllBytesAsync(path, content);
        Assert.Empty(await BackupTestTests.TestAsync(sample));

        void Fill(byte[] head, string piece)
        {
            byte[] bytes = new byte[size];
            byte[] one = Encoding.UTF8.GetBytes(piece);
            for (int at = 0; at < size; at++)
                bytes[at] = one[at % one.Length];
            head.CopyTo(bytes, 0);
            File.WriteAllBytes(path, bytes);
        }
    }

    [SkippableFact]
    public async Task AChainThatGoesInACircleIsFoundAndNotRestored()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> all = sample.Backups();
        // The full one is made to stand on the newest.
        Tool.Run("qemu-img", "rebase", "-u", "-F", "qcow2", "-b", BackupStaging.BackingName(all[2].Id, "vda"), all[0].PathOf(all[0].FindDisk("vda")!));
        await Damage.BlessAsync(all[0] with { Disks = [.. all[0].Disks.Select(disk => disk.Name == "vda" ? disk with { Kind = VMBackupKind.Incremental, ParentId = all[2].Id } : disk)], Kind = VMBackupKind.Incremental }, "vda");
        VMBackupFinding finding = Assert.Single(await BackupTestTests.TestAsync(sample).WaitAsync(Patience), one => one.Id != "BackupImageMismatch");
        Assert.Equal(("BackupChainBroken", "vda"), (finding.Id, finding.Disk));
        foreach (BackupManifest backup in all)
            Assert.Equal(BackupErrors.BackupChainBroken, (await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(backup.Id, disks: ["vda"]))).ErrorId);
    }

    [Fact]
    public void AThousandBackupsOnEachOtherAreFollowedOnce()
    {
        const int count = 1000;
        BackupManifest[] all = [.. Enumerable.Range(0, count).Select(i => SampleManifest.Of(i, i == 0 ? SampleManifest.Disk("vda") : SampleManifest.Disk("vda", i - 1)))];
        long start = Stopwatch.GetTimestamp();
        var chains = new CheckedChains(all, all, []);
        Assert.Equal(count, chains.Files.Count);
        Assert.Empty(chains.Breaks);
        Assert.Equal(count - 1, chains.Above(all[0].Id, "vda").Count);

        var open = new CheckedChains(all[1..], all[1..], []);
        (BackupChain.Link link, MomentException failure) = Assert.Single(open.Breaks);
        Assert.Equal((all[1].Id, all[0].Id), (link.Backup.Id, failure.Target));

        all[0] = SampleManifest.Of(0, SampleManifest.Disk("vda", count - 1));
        Assert.Single(new CheckedChains(all, all, []).Breaks);
        Assert.Single(new CheckedChains(all, [all[500]], []).Breaks);
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(1));
    }

    [SkippableFact]
    public async Task AThousandImagesOnEachOtherAreRead()
    {
        const int count = 1000;
        using var sample = new SampleRepository();
        await sample.AddAsync(("vda", ["write -P 5 1M 64k"]));
        await Damage.DeepenAsync(await sample.AddAsync(("vda", ["write -P 6 2M 64k"])), sample.NextId, count);

        List<BackupManifest> all = sample.Backups();
        Assert.Equal(count, all.Count);
        await using Qcow2Chain chain = await BackupChain.Resolve(all, all[^1], "vda").OpenAsync(CancellationToken.None);
        byte[] read = new byte[4];
        await chain.ReadAsync(1 << 20, read, CancellationToken.None);
        Assert.Equal([5, 5, 5, 5], read);
        Damage.Flip(all[1].PathOf(all[1].Disks[0]), 200);
        await foreach (BackupDamage damage in new BackupVerification(sample.Report).CheckAsync("test", new CheckedChains(all, [all[^1]], []).Files, CancellationToken.None))
            Assert.Equal(all[1].Id, damage.File.Backup.Id);
    }

    [SkippableFact]
    public async Task AChainThatIsTooLongIsEndedByAFullBackupThatSaysWhy()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.BackupAsync();
        VMBackup second = await machine.BackupAsync();
        BackupRepository repository = BackupRepository.Open(machine.Repository, create: false);
        DateTimeOffset time = DateTimeOffset.UtcNow;
        await Damage.DeepenAsync(
            repository.Backups(repository.FindDomain(TestMachine.Name), broken => throw broken).Single(backup => backup.Id == second.Id), () => BackupId.New(time = time.AddSeconds(5), null), ChainOpener.MaximumDepth);
        VMBackup next = await machine.BackupAsync();
        Assert.Equal(VMBackupKind.Full, next.Kind);
        Assert.Contains("Merge-VMBackup", next.Disks[0].Reason, StringComparison.Ordinal);
        await machine.WriteAsync("vda", 1, 0, 65536);
        Assert.Equal([next.Id], (await machine.BackupAsync(VMBackupKind.Incremental)).DependsOn);
    }

    [SkippableFact]
    public async Task ImagesMadeToHarmAreFoundAndNotRestored()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest last = sample.Backups()[2];
        string path = last.PathOf(last.FindDisk("vda")!);
        byte[] content = await File.ReadAllBytesAsync(path);
        (string What, int Offset, byte[] Bytes)[] makings =
        [
            ("clusters of 2^63 bytes", 20, [0, 0, 0, 63]),
            ("an L1 table of 32 GiB", 36, [0xff, 0xff, 0xff, 0xff]),
            ("an L1 table behind the end", 40, [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]),
            ("a reference table behind the end", 48, [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]),
            ("a reference table of 4 G clusters", 56, [0xff, 0xff, 0xff, 0xff]),
            ("a name of 2 GiB", 16, [0x7f, 0xff, 0xff, 0xff]),
            ("snapshots without end", 60, [0xff, 0xff, 0xff, 0xff]),
            ("references of 2^31 bits", 96, [0, 0, 0, 31]),
            ("a header longer than a cluster", 100, [0x7f, 0xff, 0xff, 0xff]),
        ];
        foreach ((string what, int offset, byte[] bytes) in makings)
        {
            byte[] made = [.. content];
            bytes.CopyTo(made, offset);
            await File.WriteAllBytesAsync(path, made);
            await Damage.BlessAsync(last, "vda");
            IReadOnlyList<VMBackupFinding> findings = await BackupTestTests.TestAsync(sample).WaitAsync(Patience);
            Assert.True(findings.Count == 1 && findings[0].Id is "BackupImageMismatch" or "BackupImageUnsound" && findings[0].Path == path, $"{what}: {string.Join("; ", findings)}");
            await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(last.Id, disks: ["vda"]).WaitAsync(Patience));
        }

        Assert.False(Directory.Exists(sample.Scratch["out"]));
    }

    private static void Put(string kind, string path, string outside)
    {
        switch (kind)
        {
            case "link":
                File.CreateSymbolicLink(path, outside);
                break;
            case "dangling":
                File.CreateSymbolicLink(path, outside + ".nowhere");
                break;
            case "fifo":
                Tool.Run("mkfifo", path);
                break;
            case "device":
                (int exit, _, string error) = Tool.TryRun("mknod", path, "c", "1", "5");
                Skip.If(exit != 0, $"a device cannot be made here: {error}");
                break;
            default:
                Directory.CreateDirectory(path);
                break;
        }
    }

    private static void Remove(string path)
    {
        if (new DirectoryInfo(path) is { Exists: true, LinkTarget: null } directory)
            directory.Delete();
        else
            File.Delete(path);
    }
}
