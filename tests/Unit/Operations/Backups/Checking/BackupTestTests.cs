using System.Buffers.Binary;
using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Checking;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Checking;

/// <summary>Test-VMBackup on a repository: whatever is wrong is found, with its backup, disk, file and place (row F4).</summary>
public sealed class BackupTestTests
{
    [SkippableFact]
    public async Task AWholeRepositoryHasNoFindingsAndIsNotChanged()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        string before = SampleRepository.Fingerprint(sample.Repository.Root);
        sample.Report.Steps.Clear();
        Assert.Empty(await TestAsync(sample));
        Assert.Equal(before, SampleRepository.Fingerprint(sample.Repository.Root));
        Assert.Empty(sample.Report.Warnings);
        // Each of the five files is read once, though six stand in the chains of the backups.
        long bytes = sample.Backups().SelectMany(backup => backup.Disks).Sum(disk => disk.FileSize);
        Assert.Equal((bytes, bytes), sample.Report.Steps.Select(step => (step.Done, step.Total)).Last());
        Assert.All(sample.Report.Steps, step => Assert.Equal(bytes, step.Total));
    }

    [SkippableFact]
    public async Task ABitFlippedInEachKindOfPlaceIsFoundThere()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest middle = sample.Backups()[1];
        BackupManifestDisk disk = middle.FindDisk("vda")!;
        string path = middle.PathOf(disk);
        byte[] content = await File.ReadAllBytesAsync(path);
        long l1 = BinaryPrimitives.ReadInt64BigEndian(content.AsSpan(40)), refcounts = BinaryPrimitives.ReadInt64BigEndian(content.AsSpan(48));
        long l2 = BinaryPrimitives.ReadInt64BigEndian(content.AsSpan((int)l1)) & 0x00fffffffffffe00, counts = BinaryPrimitives.ReadInt64BigEndian(content.AsSpan((int)refcounts));
        long data = BinaryPrimitives.ReadInt64BigEndian(content.AsSpan((int)l2 + 8 * 8)) & 0x00fffffffffffe00;
        Assert.True(l2 > 0 && counts > 0 && data > 0);
        foreach (long at in (long[])[0, 4, 20, 24, 72, l1, l1 + 7, l2 + 8 * 8, l2 + 71, refcounts + 3, counts + 1, data, data + 65535, disk.FileSize - 1])
        {
            Damage.Flip(path, at, 3);
            VMBackupFinding finding = Assert.Single(await TestAsync(sample));
            Assert.Equal(("BackupCorrupt", middle.Id, "vda", path), (finding.Id, finding.BackupId, finding.Disk, finding.Path));
            Assert.Equal(at / disk.HashChunkSize * disk.HashChunkSize, finding.Offset);
            Assert.Contains($"The backup {sample.Backups()[2].Id} stands on it.", finding.Message, StringComparison.Ordinal);
            Assert.NotEqual("", finding.Advice);
            Damage.Flip(path, at, 3);
        }

        Assert.Empty(await TestAsync(sample));
    }

    [SkippableFact]
    public async Task ARandomBitFlippedAnywhereInTheRepositoryIsFound()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        // The marks of machine and lock are no part of a backup; without them it restores all the same.
        string[] files = [.. Directory.GetFiles(sample.Domain, "*", SearchOption.AllDirectories).Where(path => BackupId.IsValid(Path.GetFileName(Path.GetDirectoryName(path))))];
        Assert.Equal(11, files.Length);
        long total = files.Sum(path => new FileInfo(path).Length);
        var random = new Random(4711);
        for (int round = 0; round < 60; round++)
        {
            // Every second one in a small file: those have few bytes among many.
            string path = round % 2 == 0 ? files[random.Next(files.Length)] : At(files, random.NextInt64(total));
            long at = random.NextInt64(new FileInfo(path).Length);
            int bit = random.Next(8);
            Damage.Flip(path, at, bit);
            IReadOnlyList<VMBackupFinding> findings = await TestAsync(sample);
            Assert.True(findings.Any(finding => finding.Path == path), $"bit {bit} of byte {at} of {path}: {string.Join("; ", findings)}");
            Damage.Flip(path, at, bit);
        }

        Assert.Empty(await TestAsync(sample));
    }

    [SkippableFact]
    public async Task FilesThatAreMissingShorterLongerOrHolesAreFound()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest first = sample.Backups()[0];
        string path = first.PathOf(first.FindDisk("vda")!);
        byte[] content = await File.ReadAllBytesAsync(path);
        foreach ((byte[] wrong, long offset) in ((byte[], long)[])[(content[..^1], content.Length - 1), ([], 0), ([.. content, 0], content.Length)])
        {
            await File.WriteAllBytesAsync(path, wrong);
            VMBackupFinding finding = Assert.Single(await TestAsync(sample));
            Assert.Equal(("BackupCorrupt", first.Id, "vda", path, offset), (finding.Id, finding.BackupId, finding.Disk, finding.Path, finding.Offset));
        }

        await File.WriteAllBytesAsync(path, content);
        Assert.Empty(await TestAsync(sample));
        // An extent that the storage lost reads as zeroes.
        Tool.Run("fallocate", "--punch-hole", "--offset", "5M", "--length", "64K", path);
        Assert.Equal(("BackupCorrupt", 4L << 20), Assert.Single(await TestAsync(sample)) is var lost ? (lost.Id, lost.Offset!.Value) : default);
        File.Delete(path);
        Assert.Contains("is missing", Assert.Single(await TestAsync(sample)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task SwappedIncrementsAreFoundEvenWithTheirHashes()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> all = sample.Backups();
        string second = all[1].PathOf(all[1].FindDisk("vda")!), third = all[2].PathOf(all[2].FindDisk("vda")!), aside = sample.Scratch["aside"];
        File.Move(second, aside);
        File.Move(third, second);
        File.Move(aside, third);
        Assert.Equal([(all[1].Id, "BackupCorrupt"), (all[2].Id, "BackupCorrupt")], (await TestAsync(sample)).Select(finding => (finding.BackupId, finding.Id)));

        await Damage.BlessAsync(all[1], "vda");
        await Damage.BlessAsync(all[2], "vda");
        Assert.Equal([(all[1].Id, "BackupImageMismatch"), (all[2].Id, "BackupImageMismatch")], (await TestAsync(sample)).Select(finding => (finding.BackupId, finding.Id)));
        Assert.Equal(BackupErrors.BackupImageMismatch, (await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(null))).ErrorId);
    }

    [SkippableFact]
    public async Task SwappedDirectoriesAreFound()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> all = sample.Backups();
        string aside = sample.Scratch["aside"];
        Directory.Move(all[1].Directory, aside);
        Directory.Move(all[2].Directory, all[1].Directory);
        Directory.Move(aside, all[2].Directory);
        Assert.Equal([(all[1].Id, "BackupManifestBroken"), (all[2].Id, "BackupManifestBroken")], (await TestAsync(sample)).Select(finding => (finding.BackupId, finding.Id)));
    }

    [SkippableFact]
    public async Task AnImageThatWasChangedWithItsHashesIsFoundByWhatItNames()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest last = sample.Backups()[2], first = sample.Backups()[0];
        string path = last.PathOf(last.FindDisk("vda")!), secret = sample.Scratch["secret"];
        await File.WriteAllBytesAsync(secret, new byte[SampleRepository.Size]);
        byte[] content = await File.ReadAllBytesAsync(path);
        (string What, Action Change)[] changes =
        [
            ("relinked to another backup", () => Tool.Run("qemu-img", "rebase", "-u", "-F", "qcow2", "-b", $"../{first.Id}/vda.qcow2", path)),
            ("relinked to a file of ours", () => Tool.Run("qemu-img", "rebase", "-u", "-F", "raw", "-b", secret, path)),
            ("made to stand on nothing", () => Tool.Run("qemu-img", "rebase", "-u", "-b", "", path)),
            ("another backing format", () => Tool.Run("qemu-img", "rebase", "-u", "-F", "raw", "-b", BackupStaging.BackingName(last.FindDisk("vda")!.ParentId!, "vda"), path)),
            ("the data-file bit", () => Damage.Flip(path, 79, 2)),
            ("the dirty bit", () => Damage.Flip(path, 79, 0)),
            ("the corrupt bit", () => Damage.Flip(path, 79, 1)),
            ("an unknown incompatible bit", () => Damage.Flip(path, 72, 7)),
            ("another size", () => Damage.Flip(path, 27, 0)),
            ("encrypted", () => Damage.Flip(path, 35, 1)),
            ("a bitmap", () => Tool.Run("qemu-img", "bitmap", "--add", path, "b0")),
            ("a snapshot", () => Tool.Run("qemu-img", "snapshot", "-c", "s", path)),
            ("another magic", () => Damage.Flip(path, 0, 0)),
        ];
        foreach ((string what, Action change) in changes)
        {
            change();
            await Damage.BlessAsync(last, "vda");
            VMBackupFinding finding = Assert.Single(await TestAsync(sample));
            Assert.True(("BackupImageMismatch", last.Id, "vda", path) == (finding.Id, finding.BackupId, finding.Disk, finding.Path), $"{what}: {finding.Id} {finding}");
            MomentException refused = await Assert.ThrowsAsync<MomentException>(() => sample.RestoreAsync(null));
            Assert.True(refused.ErrorId == BackupErrors.BackupImageMismatch, $"{what}: {refused}");
            await File.WriteAllBytesAsync(path, content);
            await Damage.BlessAsync(last, "vda");
        }

        Assert.Empty(await TestAsync(sample));
        Assert.False(Directory.Exists(sample.Scratch["out"]));
    }

    [SkippableFact]
    public async Task TablesThatWereChangedWithTheirHashesAreFoundByQemuImg()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        BackupManifest last = sample.Backups()[2];
        string path = last.PathOf(last.FindDisk("vda")!);
        byte[] content = await File.ReadAllBytesAsync(path);
        long refcounts = BinaryPrimitives.ReadInt64BigEndian(content.AsSpan(48)), counts = BinaryPrimitives.ReadInt64BigEndian(content.AsSpan((int)refcounts));
        // The cluster of the L1 table is counted as free.
        Damage.Flip(path, counts + 1 + (2 * (BinaryPrimitives.ReadInt64BigEndian(content.AsSpan(40)) >> 16)));
        await Damage.BlessAsync(last, "vda");
        VMBackupFinding finding = Assert.Single(await TestAsync(sample));
        Assert.Equal(("BackupImageUnsound", last.Id, "vda", path), (finding.Id, finding.BackupId, finding.Disk, finding.Path));
        Assert.Contains("ERROR", finding.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AnEditedManifestIsFoundWithAndWithoutARightChecksum()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> all = sample.Backups();
        BackupManifest last = all[2];
        string path = Path.Combine(last.Directory, BackupManifest.FileName), domain = Path.Combine(last.Directory, BackupManifest.DomainFileName);
        byte[] content = await File.ReadAllBytesAsync(path), document = await File.ReadAllBytesAsync(domain);
        (string What, string Id, Action Change)[] changes =
        [
            ("the user, by hand", "BackupManifestBroken", () => File.WriteAllText(path, File.ReadAllText(path).Replace("someone", "nobody!", StringComparison.Ordinal))),
            ("cut", "BackupManifestBroken", () => File.WriteAllBytes(path, content[..^40])),
            ("empty", "BackupManifestBroken", () => File.WriteAllBytes(path, [])),
            ("missing", "BackupManifestBroken", () => File.Delete(path)),
            ("a newer format", "BackupFormatUnknown", () => File.WriteAllText(path, """{"Format": 2}""")),
            ("another id", "BackupManifestBroken", () => Damage.Rewrite(last, manifest => manifest with { Id = all[1].Id, Disks = [.. manifest.Disks.Select(disk => disk with { Kind = VMBackupKind.Full, ParentId = null })] })),
            ("another machine", "BackupManifestBroken", () => Damage.Rewrite(last, manifest => manifest with { Uuid = Guid.NewGuid() })),
            ("a path as a disk", "BackupManifestBroken", () => Damage.RewriteDisk(last, "vda", disk => disk with { Name = "../../vda", File = "../../vda.qcow2" })),
            ("a path as a file", "BackupManifestBroken", () => Damage.RewriteDisk(last, "vda", disk => disk with { File = "../" + all[1].Id + "/vda.qcow2" })),
            ("a path as a parent", "BackupManifestBroken", () => Damage.RewriteDisk(last, "vda", disk => disk with { ParentId = "../../../etc/passwd-x" })),
            ("itself as a parent", "BackupManifestBroken", () => Damage.RewriteDisk(last, "vda", disk => disk with { ParentId = last.Id })),
            ("a path as a machine", "BackupManifestBroken", () => Damage.Rewrite(last, manifest => manifest with { Vm = "../web2" })),
            ("another parent", "BackupImageMismatch", () => Damage.RewriteDisk(last, "vda", disk => disk with { ParentId = all[0].Id })),
            ("no parent", "BackupImageMismatch", () => Damage.RewriteDisk(last, "vda", disk => disk with { ParentId = null, Kind = VMBackupKind.Full })),
            ("another size", "BackupImageMismatch", () => Damage.RewriteDisk(last, "vda", disk => disk with { VirtualSize = disk.VirtualSize / 2 })),
            ("another length", "BackupCorrupt", () => Damage.RewriteDisk(last, "vda", disk => disk with { FileSize = disk.FileSize - 512 })),
            ("a disk less", "BackupFileUnknown", () => Damage.Rewrite(last, manifest => manifest with { Disks = [manifest.Disks[0]] })),
            ("another's document", "BackupManifestWrong", () => Damage.Document(last, "<domain><name>web2</name><uuid>00000000-0000-0000-0000-000000000009</uuid></domain>")),
            ("no document", "BackupManifestWrong", () => Damage.Document(last, "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain><name>&x;</name></domain>")),
        ];
        foreach ((string what, string id, Action change) in changes)
        {
            change();
            IReadOnlyList<VMBackupFinding> findings = await TestAsync(sample);
            Assert.True(findings.Count == 1 && findings[0].Id == id && findings[0].BackupId == last.Id, $"{what}: {string.Join("; ", findings.Select(finding => $"{finding.Id} {finding}"))}");
            await File.WriteAllBytesAsync(path, content);
            await File.WriteAllBytesAsync(domain, document);
        }

        Assert.Empty(await TestAsync(sample));
    }

    [SkippableFact]
    public async Task WhatIsNotThereIsNamedWithAllThatStandsOnIt()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> all = sample.Backups();
        Directory.Delete(all[0].Directory, recursive: true);
        IReadOnlyList<VMBackupFinding> findings = await TestAsync(sample);
        Assert.Equal([(all[1].Id, "vda", "BackupChainBroken"), (all[2].Id, "vdb", "BackupChainBroken")], findings.Select(finding => (finding.BackupId, finding.Disk!, finding.Id)));
        Assert.Contains(all[0].Id, findings[0].Message, StringComparison.Ordinal);
        Assert.Contains($"The backup {all[2].Id} stands on it.", findings[0].Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task OnlyWhatIsAskedForIsTestedWithAllThatItStandsOn()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        List<BackupManifest> all = sample.Backups();
        Damage.Flip(all[2].PathOf(all[2].FindDisk("vda")!), 100);
        Damage.Flip(all[0].PathOf(all[0].FindDisk("vdb")!), 100);
        Assert.Empty(await TestAsync(sample, new TestBackupRequest { Repository = "", Ids = [all[1].Id] }));
        Assert.Empty(await TestAsync(sample, new TestBackupRequest { Repository = "", Ids = [all[0].Id, all[1].Id], Disks = ["vda"] }));
        Assert.Equal([(all[0].Id, "vdb")], (await TestAsync(sample, new TestBackupRequest { Repository = "", Ids = [all[2].Id], Disks = ["vdb"] })).Select(finding => (finding.BackupId, finding.Disk!)));
        Assert.Equal(BackupErrors.BackupNotFound, (await Assert.ThrowsAsync<MomentException>(() => TestAsync(sample, new TestBackupRequest { Repository = "", Ids = [all[0].Id, "nothing"] }))).ErrorId);
        Assert.Equal(BackupErrors.BackupDiskNotFound, (await Assert.ThrowsAsync<MomentException>(() => TestAsync(sample, new TestBackupRequest { Repository = "", Disks = ["vdc"] }))).ErrorId);
    }

    [SkippableFact]
    public async Task WithoutABackupThereIsNothingToAnswer()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        foreach (BackupManifest backup in sample.Backups())
            Directory.Delete(backup.Directory, recursive: true);
        Assert.Equal(BackupErrors.BackupNotFound, (await Assert.ThrowsAsync<MomentException>(() => TestAsync(sample))).ErrorId);
    }

    [SkippableFact]
    public async Task WhatInterruptedBackupsLeftIsToldAndNoDamage()
    {
        using SampleRepository sample = await SampleRepository.WithThreeBackupsAsync();
        Directory.CreateDirectory(Path.Combine(sample.Domain, $".{sample.NextId()}.partial"));
        await File.WriteAllTextAsync(Path.Combine(sample.Domain, "README"), "ours");
        Assert.Empty(await TestAsync(sample));
        Assert.Contains(sample.Report.Details, text => text.Contains(".partial'", StringComparison.Ordinal));
        Assert.Contains("README", Assert.Single(sample.Report.Warnings), StringComparison.Ordinal);
        // In a backup's directory it is a finding: nothing is put there once it is published.
        string stranger = Path.Combine(sample.Backups()[1].Directory, "vdc.qcow2");
        await File.WriteAllTextAsync(stranger, "");
        Assert.Equal(("BackupFileUnknown", stranger), Assert.Single(await TestAsync(sample)) is var finding ? (finding.Id, finding.Path!) : default);
    }

    internal static async Task<IReadOnlyList<VMBackupFinding>> TestAsync(SampleRepository sample, TestBackupRequest? request = null) =>
        (await new BackupTest(sample.Repository, sample.Domain, SampleRepository.Vm, sample.Report).RunAsync(request ?? new TestBackupRequest { Repository = sample.Repository.Root }, CancellationToken.None)).Findings.All;

    private static string At(string[] files, long offset)
    {
        foreach (string path in files)
        {
            if (offset < new FileInfo(path).Length)
                return path;
            offset -= new FileInfo(path).Length;
        }

        return files[^1];
    }
}
