using System.Globalization;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Checking;
using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Retention;

/// <summary>
/// A repository of random chains as qemu-img and qemu-io write them: several disks, increments on any earlier backup, empty ones, zeroes and
/// discards over old data, sizes within a cluster, compressed clusters and clusters of other sizes. What each backup shows is noted as
/// qemu-img read it when it was made.
/// </summary>
internal sealed class GeneratedChains : IDisposable
{
    public const string Vm = "web1";
    private const int Sector = 512;

    private static readonly Guid Uuid = new("8a8d6d2e-4e2b-4e2f-9f0e-7a3d5c1b2a11");
    private static readonly DateTimeOffset Begin = new(2026, 11, 20, 8, 0, 0, TimeSpan.Zero);

    private readonly ScratchDirectory _scratch = new();
    private readonly Random _random;
    private readonly Dictionary<string, int> _sizes;
    private readonly Dictionary<(string Id, string Disk), byte[]> _contents = [];
    private int _count;

    private GeneratedChains(int seed)
    {
        Tool.Require("qemu-img", "qemu-io", "qemu-storage-daemon");
        _random = new Random(seed);
        Repository = BackupRepository.Open(_scratch["repo"], create: true);
        _sizes = Enumerable.Range(0, _random.Next(1, 4)).ToDictionary(number => $"vd{(char)('a' + number)}", _ => _random.Next(1, 5) * (512 << 10) + _random.Next(3) * Sector * _random.Next(1, 200), StringComparer.Ordinal);
    }

    public BackupRepository Repository { get; }

    public RecordingReport Report { get; } = new();

    public string Domain => Repository.FindDomain(Uuid)!;

    public string Runtime => _scratch["run"];

    public static async Task<GeneratedChains> MakeAsync(int seed, int backups)
    {
        var chains = new GeneratedChains(seed);
        for (int number = 0; number < backups; number++)
            await chains.AddAsync();
        return chains;
    }

    public List<BackupManifest> Backups() => [.. Repository.Backups(Domain, broken => throw broken)];

    /// <summary>Some of the backups, but never all.</summary>
    public HashSet<string> Choose()
    {
        List<BackupManifest> backups = Backups();
        HashSet<string> chosen = [.. backups.Where(_ => _random.Next(100) < 45).Select(backup => backup.Id)];
        chosen.Remove(backups[_random.Next(backups.Count)].Id);
        return chosen;
    }

    /// <summary>One more backup of some disks, each standing on nothing, on the newest, or on an older one.</summary>
    public async Task<BackupManifest> AddAsync()
    {
        string id = BackupId.New(Begin.AddHours(_count++), null);
        string directory = await Repository.MakeDomainAsync(Vm, Uuid, "generated", TimeSpan.FromSeconds(10), CancellationToken.None);
        List<BackupManifest> backups = [.. Repository.Backups(directory, broken => throw broken)];
        string[] disks = [.. _sizes.Keys.Where(_ => _random.Next(100) < 75)];
        await using BackupStaging staging = Repository.Stage(directory, Uuid, id, Report);
        BackupManifestDisk[] written = [.. (disks.Length == 0 ? [.. _sizes.Keys] : disks).Select(disk => WriteDisk(staging, backups, id, disk))];
        return await staging.PublishAsync(
            new BackupManifest
            {
                Id = id,
                Parent = backups.Count == 0 ? null : backups[^1].Id,
                Vm = Vm,
                Uuid = Uuid,
                Created = Begin,
                EngineVersion = "0.1.0",
                QemuVersion = "7.2.22",
                Host = "here",
                User = "someone",
                Disks = written,
            },
            $"<domain type='kvm'><name>{Vm}</name><uuid>{Uuid}</uuid></domain>", CancellationToken.None);
    }

    /// <summary>The state and runtime directories of an engine that knows no machine.</summary>
    public string State => _scratch["state"];

    /// <summary>Keeps the backups as they are now, for <see cref="Reset"/>.</summary>
    public void Keep() => Tool.Run("cp", "-a", Repository.Root, _scratch["kept"]);

    /// <summary>Brings back what was kept.</summary>
    public void Reset()
    {
        Directory.Delete(Repository.Root, recursive: true);
        Tool.Run("cp", "-a", _scratch["kept"], Repository.Root);
    }

    /// <summary>All of them show what they showed and agree with their manifests, and nothing else is there.</summary>
    public async Task AssertSoundAsync(string where)
    {
        await AssertAllShowAsync(where);
        IReadOnlyList<VMBackupFinding> findings = (await new BackupTest(Repository, Domain, Vm, Report).RunAsync(new TestBackupRequest { Repository = Repository.Root }, CancellationToken.None)).Findings.All;
        Assert.True(findings.Count == 0, $"{where}: {string.Join(' ', findings.Select(finding => finding.Message))}");
        string[] beside = [.. new DirectoryInfo(Domain).EnumerateFileSystemInfos().Select(entry => entry.Name).Where(name => !BackupId.IsValid(name)).Order(StringComparer.Ordinal)];
        Assert.True(beside.All(name => name is ".lock" or "uuid"), $"{where}: {string.Join(' ', beside)}");
    }

    /// <summary>Every backup shows what it showed when it was made, to our own reader and to QEMU's.</summary>
    public async Task AssertAllShowAsync(string where)
    {
        List<BackupManifest> backups = Backups();
        foreach (BackupManifest backup in backups)
            foreach (BackupManifestDisk disk in backup.Disks)
                await AssertShowsAsync(backups, backup, disk, where);
    }

    /// <summary>Every disk of every backup restores to what it showed, by the command, which changes nothing.</summary>
    public async Task AssertRestoreAsync(string where)
    {
        var engine = new MomentEngine(new MomentEngineOptions { StateRoot = State, RuntimeRoot = Runtime });
        foreach (VMBackup backup in await engine.GetBackupsAsync(Repository.Root, null, null, new TestReport(), CancellationToken.None))
        {
            string destination = _scratch["restored"];
            var request = new RestoreBackupRequest { Repository = Repository.Root, Id = backup.Id, Destination = destination, Format = "raw" };
            foreach (VMRestoredDisk disk in await engine.RestoreBackupAsync(Vm, request, new TestReport(), CancellationToken.None))
                Assert.True(_contents[(backup.Id, disk.Disk)].AsSpan().SequenceEqual(File.ReadAllBytes(disk.Path)), $"{where}: {backup.Id}, {disk.Disk} restores to something else");
            Directory.Delete(destination, recursive: true);
        }
    }

    public void Dispose() => _scratch.Dispose();

    private async Task AssertShowsAsync(List<BackupManifest> backups, BackupManifest backup, BackupManifestDisk disk, string where)
    {
        byte[] expected = _contents[(backup.Id, disk.Name)];
        await using Qcow2Chain chain = await BackupChain.Resolve(backups, backup, disk.Name).OpenAsync(CancellationToken.None);
        byte[] content = new byte[chain.Length];
        await chain.ReadAsync(0, content, CancellationToken.None);
        Assert.True(expected.AsSpan().SequenceEqual(content), $"{where}: {backup.Id}, {disk.Name}: differs at {expected.AsSpan().CommonPrefixLength(content)}");
        Assert.True(expected.AsSpan().SequenceEqual(Read(backup.PathOf(disk))), $"{where}: {backup.Id}, {disk.Name}: QEMU reads something else");
    }

    private BackupManifestDisk WriteDisk(BackupStaging staging, List<BackupManifest> backups, string id, string disk)
    {
        string path = staging.DiskPath(disk);
        BackupManifest[] earlier = [.. backups.Where(backup => backup.FindDisk(disk) is not null)];
        BackupManifest? parent = earlier.Length == 0 || _random.Next(100) < 12 ? null : _random.Next(100) < 70 ? earlier[^1] : earlier[_random.Next(earlier.Length)];
        int cluster = (_random.Next(8) switch { 0 => 4, 1 => 512, 2 => 2048, _ => 64 }) << 10;
        Tool.Run(
            "qemu-img",
            [
                "create", "-q", "-f", "qcow2", "-o", string.Create(CultureInfo.InvariantCulture, $"cluster_size={cluster}"),
                .. parent is null ? (string[])[] : ["-b", BackupStaging.BackingName(parent.Id, disk), "-F", "qcow2"], path, _sizes[disk].ToString(CultureInfo.InvariantCulture),
            ]);
        string[] commands = [.. Commands(_sizes[disk], cluster)];
        if (commands.Length > 0)
            Tool.Run("qemu-io", ["-f", "qcow2", "-d", "unmap", .. commands.SelectMany(command => (string[])["-c", command]), path]);
        _contents[(id, disk)] = Read(path);
        return new BackupManifestDisk
        {
            Name = disk,
            Kind = parent is null ? VMBackupKind.Full : VMBackupKind.Incremental,
            ParentId = parent?.Id,
            File = Path.GetFileName(path),
            VirtualSize = _sizes[disk],
            CopiedBytes = 1,
            PointId = "p" + id,
        };
    }

    // Nothing at all every sixth time.
    private IEnumerable<string> Commands(int size, int cluster)
    {
        bool compressed = _random.Next(6) == 0;
        HashSet<int> written = [];
        for (int left = _random.Next(6) == 0 ? 0 : _random.Next(1, 7); left > 0; left--)
        {
            int start = _random.Next(size / Sector) * Sector;
            int length = Math.Min(size - start, _random.Next(1, 600) * Sector);
            if (compressed)
            {
                // QEMU writes no compressed cluster where one is.
                start = start / cluster * cluster;
                length = Math.Min(size - start, cluster);
                if (!written.Add(start))
                    continue;
            }

            string run = string.Create(CultureInfo.InvariantCulture, $"{start} {length}");
            yield return _random.Next(10) switch
            {
                0 or 1 => $"write -z {run}",
                2 => $"write -z -u {run}",
                3 => $"discard {run}",
                _ => string.Create(CultureInfo.InvariantCulture, $"write {(compressed ? "-c " : "")}-P {_random.Next(1, 256)} {run}"),
            };
        }
    }

    private byte[] Read(string path)
    {
        string raw = _scratch[Guid.NewGuid().ToString("N")];
        Tool.Run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", path, raw);
        byte[] bytes = File.ReadAllBytes(raw);
        File.Delete(raw);
        return bytes;
    }
}
