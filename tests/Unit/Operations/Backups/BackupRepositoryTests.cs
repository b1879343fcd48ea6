using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Operations;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

public sealed class BackupRepositoryTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void ARepositoryIsMadeOnlyWhereThatIsWanted()
    {
        Assert.Equal(BackupErrors.BackupRepositoryMissing, Refused(() => BackupRepository.Open(_scratch["r"], create: false)).ErrorId);
        Assert.Empty(BackupRepository.Open(_scratch["r/deep"], create: true).DomainDirectories());
        File.WriteAllText(_scratch["file"], "");
        Assert.Equal(BackupErrors.BackupRepositoryInvalid, Refused(() => BackupRepository.Open(_scratch["file"], create: true)).ErrorId);
        Assert.Equal(FileErrors.FileMissing, Refused(() => BackupRepository.Open(_scratch["file/r"], create: true)).ErrorId);
    }

    [Fact]
    public void AMachineIsFoundByItsUuidAndANamesakeIsRefused()
    {
        BackupRepository repository = BackupRepository.Open(_scratch["r"], create: true);
        Guid first = Guid.NewGuid(), second = Guid.NewGuid();
        Assert.Null(repository.FindDomain(first));
        string directory = repository.DomainDirectory("web1", first);
        Assert.Equal(_scratch["r/web1"], directory);
        Assert.Equal(directory, repository.FindDomain(first));
        // Renamed, it keeps its place; and its old name is still taken.
        Assert.Equal(directory, repository.DomainDirectory("web2", first));
        MomentException conflict = Refused(() => repository.DomainDirectory("web1", second));
        Assert.Equal((BackupErrors.BackupDomainConflict, "web1"), (conflict.ErrorId, conflict.Target));
        Assert.Contains($"{first}", conflict.Message, StringComparison.Ordinal);
        Assert.Equal(_scratch["r/web3"], repository.DomainDirectory("web3", second));
        Assert.Throws<MomentException>(() => repository.DomainDirectory("../x", Guid.NewGuid()));
        MomentException unknown = Refused(() => repository.FindDomain("db"));
        Assert.Equal(BackupErrors.BackupDomainNotFound, unknown.ErrorId);
        Assert.Contains("'web1', 'web3'", unknown.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutItsMarkTheMachineIsToldByItsBackups()
    {
        BackupRepository repository = BackupRepository.Open(_scratch["r"], create: true);
        string directory = Publish("web1", SampleManifest.Of(1) with { Vm = "old" }, SampleManifest.Of(2) with { Vm = "new" });
        Assert.Equal(directory, repository.FindDomain(SampleManifest.Uuid));
        Assert.Equal(directory, repository.FindDomain("new"));
        Assert.Equal(directory, repository.FindDomain("web1"));
        Assert.Equal(BackupErrors.BackupDomainConflict, Refused(() => repository.DomainDirectory("web1", Guid.NewGuid())).ErrorId);
        foreach (int number in (int[])[1, 2])
            File.WriteAllText(Path.Combine(directory, SampleManifest.Id(number), BackupManifest.FileName), "broken");
        Assert.Equal(BackupErrors.BackupManifestBroken, Refused(() => repository.DomainDirectory("web1", SampleManifest.Uuid)).ErrorId);
    }

    [Fact]
    public void BackupsComeOldestFirstAndForeignOnesAreTold()
    {
        BackupRepository repository = BackupRepository.Open(_scratch["r"], create: true);
        string directory = Publish("web1", SampleManifest.Of(3), SampleManifest.Of(1), SampleManifest.Of(2), SampleManifest.Of(4) with { Uuid = Guid.NewGuid() });
        Directory.CreateDirectory(Path.Combine(directory, SampleManifest.Id(5)));
        Directory.CreateDirectory(Path.Combine(directory, "notes"));
        Directory.CreateDirectory(Path.Combine(directory, '.' + SampleManifest.Id(6) + ".partial"));
        // A copy under another name is not that backup.
        CopyDirectory(Path.Combine(directory, SampleManifest.Id(1)), Path.Combine(directory, SampleManifest.Id(7)));
        List<MomentException> broken = [];
        Assert.Equal([SampleManifest.Id(1), SampleManifest.Id(2), SampleManifest.Id(3)], repository.Backups(directory, broken.Add).Select(backup => backup.Id));
        Assert.Equal([4, 5, 7], broken.Select(one => Enumerable.Range(1, 9).Single(number => one.Target!.Contains(SampleManifest.Id(number), StringComparison.Ordinal))));
        Assert.All(broken, one => Assert.Equal(BackupErrors.BackupManifestBroken, one.ErrorId));
        Assert.Throws<ArgumentException>(() => repository.Backups(_scratch.Path, broken.Add));
    }

    [Fact]
    public void WhatIsClosedToThisUserKeepsNobodyFromHisOwn()
    {
        const UnixFileMode Open = (UnixFileMode)0b111_101_101;
        File.SetUnixFileMode(_scratch.Path, Open);
        BackupRepository repository = BackupRepository.Open(_scratch["r"], create: true);
        string directory = Publish("web1", SampleManifest.Of(1), SampleManifest.Of(2));
        string lost = Directory.CreateDirectory(_scratch["r/lost+found"], UnixFileMode.None).FullName;
        // A file system's own directory is nobody's machine, whether it can be read or not.
        NobodysRights.Run(() =>
        {
            Assert.Equal([directory], repository.DomainDirectories());
            Assert.Equal(directory, repository.FindDomain(SampleManifest.Uuid));
            return Task.CompletedTask;
        });
        Assert.Equal([directory], repository.DomainDirectories());
        string closed = Directory.CreateDirectory(_scratch["r/db"], UnixFileMode.None).FullName;
        NobodysRights.Run(() =>
        {
            var report = new TestReport();
            Assert.Equal([SampleManifest.Id(1), SampleManifest.Id(2)], new BackupListing(repository.Root, null, report).Backups(null).Select(backup => backup.Id));
            MomentException denied = Assert.Single(report.Failures);
            Assert.Equal((FileErrors.StorageAccessDenied, closed), (denied.ErrorId, denied.Target));
            Assert.Equal(directory, repository.FindDomain(repository.Backups(directory, _ => { })[^1].Vm));
            // Whose it is nobody can tell: a machine whose it might be gets no second directory.
            Assert.Equal(FileErrors.StorageAccessDenied, Refused(() => repository.FindDomain(SampleManifest.Uuid)).ErrorId);
            return Task.CompletedTask;
        });
        foreach (string one in (string[])[lost, closed])
            File.SetUnixFileMode(one, Open);
    }

    [Fact]
    public void IdsSortByTimeAlsoWhenTheClockWasSetBack()
    {
        BackupRepository repository = BackupRepository.Open(_scratch["r"], create: true);
        string directory = Publish("web1", SampleManifest.Of(10));
        string next = repository.NextId(directory, new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero));
        Assert.True(BackupId.IsValid(next));
        Assert.StartsWith("20260111T000001Z-", next, StringComparison.Ordinal);
        Assert.StartsWith("20300203T030506Z-", repository.NextId(directory, new DateTimeOffset(2030, 2, 3, 4, 5, 6, TimeSpan.FromHours(1))), StringComparison.Ordinal);
        foreach (string wrong in (string[])["", "20260111T000001Z", "20261311T000001Z-0000", "20260111T000001Z-000G", "20260111T000001Z-0000/", "../60111T000001Z-0000"])
            Assert.False(BackupId.IsValid(wrong), wrong);
    }

    [Fact]
    public async Task TheLockTellsItsHolder()
    {
        BackupRepository repository = BackupRepository.Open(_scratch["r"], create: true);
        string directory = await repository.MakeDomainAsync("web1", Guid.NewGuid(), "back up web1", TimeSpan.Zero, CancellationToken.None);
        using FileLock held = await repository.TakeLockAsync(directory, "back up web1", TimeSpan.Zero, CancellationToken.None);
        MomentException busy = await Assert.ThrowsAsync<MomentException>(() => repository.TakeLockAsync(directory, "merge web1", TimeSpan.Zero, CancellationToken.None));
        Assert.Equal(FileErrors.LockBusy, busy.ErrorId);
        Assert.Contains("back up web1", busy.Message, StringComparison.Ordinal);
        // Another machine's directory is made and locked meanwhile.
        string other = await repository.MakeDomainAsync("db", Guid.NewGuid(), "back up db", TimeSpan.Zero, CancellationToken.None);
        using FileLock free = await repository.TakeLockAsync(other, "back up db", TimeSpan.Zero, CancellationToken.None);
        await Assert.ThrowsAsync<ArgumentException>(() => repository.TakeLockAsync(_scratch.Path, "x", TimeSpan.Zero, CancellationToken.None));
    }

    private string Publish(string directory, params BackupManifest[] manifests)
    {
        string path = _scratch["r/" + directory];
        foreach (BackupManifest manifest in manifests)
        {
            string backup = Path.Combine(path, manifest.Id);
            Directory.CreateDirectory(backup);
            File.WriteAllBytes(Path.Combine(backup, BackupManifest.FileName), BackupManifestFile.ToBytes(manifest));
        }

        return path;
    }

    private static void CopyDirectory(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }

    private static MomentException Refused(Func<object?> action) => Assert.Throws<MomentException>(action);
}
