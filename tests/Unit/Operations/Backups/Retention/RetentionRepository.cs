using MomentTools.Machines;
using MomentTools.Operations;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Checking;
using MomentTools.Operations.Backups.Retention;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Retention;

/// <summary>A repository of real chains of any shape, and what each disk of each backup has to show whatever is removed around it.</summary>
internal sealed class RetentionRepository : IDisposable
{
    public const string Vm = SampleRepository.Vm;
    private const int Size = 2 << 20;
    private const int Cluster = 65536;

    public static readonly Guid Uuid = SampleRepository.Uuid;

    private readonly Random _random;
    private readonly Dictionary<string, byte[]> _now = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Id, string Disk), byte[]> _expected = [];
    private string? _newest;

    public RetentionRepository(int seed = 1, Action<string>? probe = null)
    {
        Tool.Require("qemu-img", "qemu-storage-daemon");
        _random = new Random(seed);
        Repository = BackupRepository.Open(Scratch["repo"], create: true);
        Context = new EngineContext(new DomainCatalogue(Scratch["state"], Scratch["run"]), TimeSpan.FromMinutes(2), probe, GuestAgentOptions.Default);
    }

    public ScratchDirectory Scratch { get; } = new();

    public BackupRepository Repository { get; }

    public EngineContext Context { get; }

    public TestReport Report { get; } = new();

    public string Domain => Repository.FindDomain(Uuid)!;

    public BackupRetention Retention => new(Context, Scratch["run"]);

    public List<BackupManifest> Backups() => [.. Repository.Backups(Domain, _ => { })];

    /// <summary>A plain chain of one disk, a day between each and the next.</summary>
    public static async Task<RetentionRepository> ChainAsync(int length, int seed = 1, Action<string>? probe = null)
    {
        var made = new RetentionRepository(seed, probe);
        string? parent = null;
        for (int day = 0; day < length; day++)
            parent = await made.AddAsync(Day(day), VMBackupKind.Automatic, ("vda", parent));
        return made;
    }

    /// <summary>Backups of three disks of which some are left out, on any backup before.</summary>
    public static async Task<RetentionRepository> ForestAsync(int seed, int count)
    {
        var made = new RetentionRepository(seed);
        Dictionary<string, List<string>> known = new(StringComparer.Ordinal) { ["vda"] = [], ["vdb"] = [] };
        for (int day = 0; day < count; day++)
        {
            bool copy = made._random.Next(6) == 0;
            List<(string Disk, string? Parent)> disks = [];
            foreach ((string disk, List<string> before) in known)
                if (disk == "vda" || made._random.Next(3) > 0)
                    disks.Add((disk, copy || before.Count == 0 || made._random.Next(6) == 0 ? null : made._random.Next(2) == 0 ? before[^1] : before[made._random.Next(before.Count)]));
            string id = await made.AddAsync(Day(day), copy ? VMBackupKind.Copy : VMBackupKind.Automatic, [.. disks]);
            foreach ((string disk, _) in disks)
                if (!copy)
                    known[disk].Add(id);
        }

        return made;
    }

    public static DateTimeOffset Day(int day) => new DateTimeOffset(2026, 3, 2, 1, 0, 0, TimeSpan.Zero).AddDays(day);

    /// <summary>Writes at random into the disks and backs them up as they are then.</summary>
    /// <returns>The backup's id.</returns>
    public async Task<string> AddAsync(DateTimeOffset created, VMBackupKind kind, params (string Disk, string? Parent)[] disks)
    {
        string id = BackupId.New(created, _newest), directory = await Repository.MakeDomainAsync(Vm, Uuid, "sample", TimeSpan.FromSeconds(10), CancellationToken.None);
        await using BackupStaging staging = Repository.Stage(directory, Uuid, id, Report);
        List<BackupManifestDisk> entries = [];
        foreach ((string disk, string? parent) in disks)
        {
            byte[] content = Change(disk);
            _expected.Add((id, disk), [.. content]);
            string raw = Scratch["source"], path = staging.DiskPath(disk);
            await File.WriteAllBytesAsync(raw, content);
            string[] on = parent is null ? [] : ["-B", BackupStaging.BackingName(parent, disk), "-F", "qcow2"];
            Tool.Run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", .. on, raw, path]);
            entries.Add(new BackupManifestDisk
            {
                Name = disk,
                Kind = parent is null ? VMBackupKind.Full : VMBackupKind.Incremental,
                ParentId = parent,
                File = Path.GetFileName(path),
                VirtualSize = Size,
                CopiedBytes = Stored(path),
                PointId = kind == VMBackupKind.Copy ? null : "p" + id,
            });
        }

        await staging.PublishAsync(
            new BackupManifest
            {
                Id = id, Parent = _newest, Vm = Vm, Uuid = Uuid, Created = created, Kind = kind, EngineVersion = "0.1.0", QemuVersion = "7.2.22", Host = "here", User = "someone", Disks = entries,
            },
            SampleRepository.Document, CancellationToken.None);
        _newest = id;
        return id;
    }

    public Task<IReadOnlyList<VMBackupPlan>> RemoveAsync(RemoveBackupRequest request) => Retention.RunAsync(Vm, request.Repository, survey => RemovalChoice.Make(survey, request), Report, CancellationToken.None);

    public Task<IReadOnlyList<VMBackupPlan>> PlanAsync(RemoveBackupRequest request) => Retention.PlanAsync(Vm, request.Repository, survey => RemovalChoice.Make(survey, request), Report, CancellationToken.None);

    public RemoveBackupRequest Ids(params string[] ids) => new() { Repository = Repository.Root, Ids = ids };

    public RemoveBackupRequest Rules(int? last = null, int? daily = null, int? weekly = null) =>
        new() { Repository = Repository.Root, KeepLast = last, KeepDaily = daily, KeepWeekly = weekly, Zone = TimeZoneInfo.Utc };

    /// <summary>Every backup that is there shows its bytes, to qemu-img, and is what its manifest says.</summary>
    public async Task AssertAllRestoreAsync()
    {
        List<BackupManifest> backups = [.. Repository.Backups(Domain, broken => throw broken)];
        foreach (BackupManifest backup in backups)
        {
            foreach (BackupManifestDisk disk in backup.Disks)
            {
                string raw = Scratch["shown"];
                Tool.Run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", backup.PathOf(disk), raw);
                Assert.True(File.ReadAllBytes(raw).AsSpan().SequenceEqual(_expected[(backup.Id, disk.Name)]), $"{backup.Id} {disk.Name}");
            }
        }

        if (backups.Count > 0)
            Assert.Empty((await new BackupTest(Repository, Domain, Vm, Report).RunAsync(new TestBackupRequest { Repository = Repository.Root }, CancellationToken.None)).Findings.All);
        Assert.Empty(Directory.EnumerateDirectories(Domain, ".*"));
    }

    public void Break(string id) => File.WriteAllText(Path.Combine(Domain, id, BackupManifest.FileName), "{}");

    public void Dispose() => Scratch.Dispose();

    private byte[] Change(string disk)
    {
        if (!_now.TryGetValue(disk, out byte[]? content))
            _now.Add(disk, content = new byte[Size]);
        for (int writes = _random.Next(4); writes >= 0; writes--)
        {
            int offset = _random.Next(Size / Cluster) * Cluster, length = Math.Min(Size - offset, 1 + _random.Next(3 * Cluster));
            // Zeroes, too: they must hide what lies beneath.
            content.AsSpan(offset, length).Fill((byte)(_random.Next(3) == 0 ? 0 : _random.Next(1, 256)));
        }

        return content;
    }

    private static long Stored(string path)
    {
        using var map = System.Text.Json.JsonDocument.Parse(Tool.Run("qemu-img", "map", "--output=json", "-f", "qcow2", path));
        return map.RootElement.EnumerateArray().Where(run => run.GetProperty("depth").GetInt32() == 0 && run.GetProperty("data").GetBoolean()).Sum(run => run.GetProperty("length").GetInt64());
    }
}
