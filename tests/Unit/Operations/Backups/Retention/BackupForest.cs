using FsCheck;
using FsCheck.Fluent;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Retention;

namespace MomentTools.Tests.Operations.Backups.Retention;

/// <summary>
/// Backups without files, for plans: of each disk of each backup the blocks that are stored, and so what it shows. Disks may be missing from backups,
/// chains skip backups, several stand on one, and some are copies, on which nobody stands.
/// </summary>
internal sealed class BackupForest
{
    private const int Blocks = 6;
    private static readonly string[] DiskNames = ["vda", "vdb", "vdc"];

    private readonly Dictionary<(string Id, string Disk), SortedDictionary<int, int>> _stored = [];

    private BackupForest(List<BackupManifest> backups) => Backups = backups;

    public List<BackupManifest> Backups { get; }

    /// <summary>What each disk of each backup shows.</summary>
    public Dictionary<(string Id, string Disk), string> Contents() =>
        Backups.SelectMany(backup => backup.Disks.Select(disk => (backup.Id, disk.Name))).ToDictionary(key => key, key => Content(key.Id, key.Name));

    public string Content(string id, string disk) => string.Join(',', Enumerable.Range(0, Blocks).Select(block => Read(id, disk, block)));

    public int Stored(string id, string disk) => _stored[(id, disk)].Count;

    /// <summary>Random backups and a random set of them.</summary>
    public static Arbitrary<(int Seed, int Count)> Seeds() => Gen.Choose(0, int.MaxValue - 1).Zip(Gen.Choose(1, 12), (seed, count) => (seed, count)).ToArbitrary();

    public static (BackupForest Forest, HashSet<string> Remove) Grow(int seed, int count)
    {
        var random = new Random(seed);
        var forest = new BackupForest([]);
        for (int number = 1; number <= count; number++)
        {
            bool copy = random.Next(6) == 0;
            List<BackupManifestDisk> disks = [];
            foreach (string disk in DiskNames.Where(disk => disk == "vda" || random.Next(3) > 0))
            {
                BackupManifest[] possible = [.. forest.Backups.Where(backup => backup.Kind != VMBackupKind.Copy && backup.FindDisk(disk) is not null)];
                // Mostly on the newest, as increments are; else on any, as differentials and after a lost checkpoint.
                BackupManifest? parent = copy || possible.Length == 0 || random.Next(5) == 0 ? null : random.Next(2) == 0 ? possible[^1] : possible[random.Next(possible.Length)];
                disks.Add(SampleManifest.Disk(disk) with { ParentId = parent?.Id, Kind = parent is null ? VMBackupKind.Full : VMBackupKind.Incremental });
                var stored = new SortedDictionary<int, int>();
                for (int block = 0; block < Blocks; block++)
                    if (parent is null || random.Next(3) == 0)
                        stored[block] = random.Next(1000);
                forest._stored[(SampleManifest.Id(number), disk)] = stored;
            }

            forest.Backups.Add(SampleManifest.Of(number, [.. disks]) with { Checkpoint = copy ? null : "monday", Kind = copy ? VMBackupKind.Copy : VMBackupKind.Automatic });
        }

        return (forest, [.. forest.Backups.Select(backup => backup.Id).Where(_ => random.Next(2) == 0)]);
    }

    /// <summary>Does one step as it is to be done: what differs from the common ancestor is stored, of what was beneath nothing else.</summary>
    public void Rewrite(RewriteStep step)
    {
        int at = Backups.FindIndex(backup => backup.Id == step.Backup.Id);
        foreach ((string disk, string? parent) in step.NewParents)
        {
            BackupManifest backup = Backups[at];
            List<string> mine = Chain(backup.Id, disk), below = parent is null ? [] : Chain(parent, disk);
            string? common = mine.Find(below.Contains);
            IEnumerable<string> above = mine.TakeWhile(id => id != common).Concat(below.TakeWhile(id => id != common));
            var stored = new SortedDictionary<int, int>();
            foreach (int block in above.SelectMany(id => _stored[(id, disk)].Keys).Distinct().ToArray())
                stored[block] = Read(backup.Id, disk, block);
            _stored[(backup.Id, disk)] = stored;
            Backups[at] = backup with
            {
                Disks = [.. backup.Disks.Select(one => one.Name == disk ? one with { ParentId = parent, Kind = parent is null ? VMBackupKind.Full : VMBackupKind.Incremental } : one)],
            };
        }
    }

    public void Remove(string id)
    {
        Backups.RemoveAll(backup => backup.Id == id);
        foreach (string disk in DiskNames)
            _stored.Remove((id, disk));
    }

    private List<string> Chain(string id, string disk) =>
        [.. BackupChain.Resolve(Backups, Backups.First(backup => backup.Id == id), disk).Links.Select(link => link.Backup.Id)];

    private int Read(string id, string disk, int block)
    {
        foreach (string link in Chain(id, disk))
            if (_stored[(link, disk)].TryGetValue(block, out int value))
                return value;
        return 0;
    }
}
