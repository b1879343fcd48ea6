using FsCheck;
using FsCheck.Fluent;
using MomentTools.Moments;

namespace MomentTools.Tests.Moments;

/// <summary>
/// A random set of moments whose parents are right, in any order, with many equal times, names and twins, and the plainest
/// answers to every question about it: a parent map and loops over all pairs.
/// </summary>
internal sealed class RandomForest
{
    private static readonly string[] DiskNames = ["vda", "vdb", "vdc"];

    private RandomForest(List<Moment> moments, Dictionary<string, MomentKey> current)
    {
        Moments = moments;
        Current = current;
        ParentOf = moments.ToDictionary(moment => moment.Key, moment => moment.Parent);
    }

    /// <summary>In random order.</summary>
    public List<Moment> Moments { get; }

    public Dictionary<string, MomentKey> Current { get; }

    public Dictionary<MomentKey, MomentKey?> ParentOf { get; }

    public static Arbitrary<RandomForest> Arbitrary { get; } =
        (from count in Gen.Choose(0, 14)
         from seed in Gen.Choose(0, int.MaxValue)
         select Make(count, new Random(seed))).ToArbitrary();

    public MomentTree Build()
    {
        var tree = MomentTree.Build(Moments, Current, out IReadOnlyList<MomentTreeFault> faults);
        Assert.Empty(faults);
        return tree;
    }

    public Moment Get(MomentKey key) => Moments.Single(moment => moment.Key == key);

    public List<MomentKey> Above(MomentKey key)
    {
        var above = new List<MomentKey>();
        while (ParentOf[key] is { } parent)
        {
            above.Add(parent);
            key = parent;
        }

        return above;
    }

    public IEnumerable<MomentKey> Children(MomentKey key) => Sorted(Moments.Where(moment => moment.Parent == key)).Select(moment => moment.Key);

    public HashSet<MomentKey> Descendants(MomentKey key) => [.. Moments.Select(moment => moment.Key).Where(other => Above(other).Contains(key))];

    /// <summary>The same forest with only the moments that are kept, each below its nearest kept ancestor.</summary>
    public RandomForest Keep(Func<Moment, bool> keeps)
    {
        HashSet<MomentKey> kept = [.. Moments.Where(keeps).Select(moment => moment.Key)];
        var current = new Dictionary<string, MomentKey>();
        foreach ((string disk, MomentKey key) in Current)
        {
            if (Nearest(key, itself: true) is { } nearest)
                current.Add(disk, nearest);
        }

        return new RandomForest([.. Moments.Where(keeps).Select(moment => moment with { Parent = Nearest(moment.Key, itself: false) })], current);

        MomentKey? Nearest(MomentKey key, bool itself) =>
            Above(key).Prepend(key).Skip(itself ? 0 : 1).Where(kept.Contains).Select(found => (MomentKey?)found).FirstOrDefault();
    }

    public static IEnumerable<Moment> Sorted(IEnumerable<Moment> moments) =>
        moments.OrderBy(moment => moment.Created).ThenBy(moment => moment.Name, StringComparer.Ordinal).ThenBy(moment => moment.Kind);

    public override string ToString() =>
        string.Join("; ", Moments.Select(moment => $"{moment.Key} < {moment.Parent} at {moment.Created.Second}"))
        + " | " + string.Join(", ", Current.Select(pair => $"{pair.Key}={pair.Value}"));

    private static RandomForest Make(int count, Random random)
    {
        MomentKey[] keys = [.. Enumerable.Range(0, 10).SelectMany(number => Enum.GetValues<MomentKind>().Select(kind => new MomentKey(kind, Name(number))))];
        random.Shuffle(keys);
        // Some forests are all chains, some are all stars, most are neither.
        int reach = random.Next(1, 15);
        var moments = new List<Moment>();
        for (int index = 0; index < count; index++)
        {
            int parent = random.Next(Math.Max(0, index - reach), index + 1);
            moments.Add(Some(keys[index], parent == index ? null : keys[parent], random));
        }

        var current = new Dictionary<string, MomentKey>();
        foreach (string disk in DiskNames)
        {
            if (count > 0 && random.Next(3) > 0)
                current.Add(disk, keys[random.Next(count)]);
        }

        Moment[] shuffled = [.. moments];
        random.Shuffle(shuffled);
        return new RandomForest([.. shuffled], current);
    }

    private static string Name(int number) => number % 3 == 0 ? $"Day{number}" : $"day{number}";

    private static Moment Some(MomentKey key, MomentKey? parent, Random random) => new()
    {
        Kind = key.Kind,
        Name = key.Name,
        Id = key.ToString(),
        Parent = parent,
        Created = DateTimeOffset.UnixEpoch.AddSeconds(random.Next(4)),
        State = key.Kind == MomentKind.Snapshot && random.Next(5) > 0 ? (SnapshotState)random.Next(4) : null,
        Location = key.Kind == MomentKind.Snapshot ? (SnapshotLocation)random.Next(2) : null,
        HasMetadata = random.Next(3) > 0,
    };
}
