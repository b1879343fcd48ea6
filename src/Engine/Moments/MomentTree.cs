namespace MomentTools.Moments;

/// <summary>
/// The moments of one domain as one tree (with several roots: a forest), and which of them is current for each disk.
/// An immutable value: every change makes a new tree. Looking up is in constant time, everything else linear in its answer.
/// </summary>
internal sealed class MomentTree
{
    private readonly MomentForest _forest;
    private readonly Dictionary<MomentKey, int> _positions;
    private readonly Dictionary<string, MomentKey> _currentByDisk;
    private readonly HashSet<MomentKey> _currentKeys;

    /// <param name="declared">The current moment that was declared, whatever the disks say.</param>
    internal MomentTree(MomentForest forest, Dictionary<string, MomentKey> currentByDisk, MomentKey? declared = null)
    {
        _forest = forest;
        _positions = new Dictionary<MomentKey, int>(forest.Moments.Length);
        for (int position = 0; position < forest.Moments.Length; position++)
            _positions.Add(forest.Moments[position].Key, position);
        Declared = declared;
        _currentByDisk = declared is { } current ? currentByDisk.Keys.ToDictionary(disk => disk, _ => current, StringComparer.Ordinal) : currentByDisk;
        _currentKeys = declared is { } only ? [only] : [.. currentByDisk.Values];
    }

    public static MomentTree Empty { get; } = new(MomentForest.Arrange([], []), new(StringComparer.Ordinal));

    /// <summary>All moments in tree order: parents before children, a subtree without gaps, siblings by time and name.</summary>
    public IReadOnlyList<Moment> All => _forest.Moments;

    public int Count => _forest.Moments.Length;

    public IReadOnlyList<Moment> Roots => At(_forest.ChildrenOf(-1));

    /// <summary>The current moment of each disk that has one.</summary>
    public IReadOnlyDictionary<string, MomentKey> CurrentByDisk => _currentByDisk;

    /// <summary>Where the branches end that have a name, one for each disk; empty where there is one alone, which needs none.</summary>
    public IReadOnlyList<MomentTreeTip> Tips { get; init; } = [];

    /// <summary>The domain's name, where it is known: errors say it.</summary>
    public string? Domain { get; init; }

    /// <summary>The moment that was declared current for all disks, also for those that nothing is known of; null: each disk has its own.</summary>
    public MomentKey? Declared { get; }

    /// <summary>The domain's current moment: the one that all disks with a current moment agree on, or null.</summary>
    public Moment? Current => _currentKeys.Count == 1 ? Find(_currentKeys.First()) : null;

    /// <summary>
    /// Builds the tree. Whatever the metadata gets wrong becomes a fault; no moment is left out but a second of the same key.
    /// </summary>
    public static MomentTree Build(
        IEnumerable<Moment> moments, IReadOnlyDictionary<string, MomentKey> currentByDisk, out IReadOnlyList<MomentTreeFault> faults,
        MomentKey? declared = null)
    {
        var builder = new MomentTreeBuilder(moments, currentByDisk, declared);
        faults = builder.Faults;
        return builder.Tree;
    }

    /// <summary>The same tree with its domain's name and with where its branches end; what ends at no moment of it is left out.</summary>
    public MomentTree With(string? domain, IEnumerable<MomentTreeTip> tips) =>
        new(_forest, _currentByDisk, Declared) { Domain = domain, Tips = [.. tips.Where(tip => Find(tip.Moment) is not null)] };

    public Moment? Find(MomentKey key) => _positions.TryGetValue(key, out int position) ? _forest.Moments[position] : null;

    /// <summary>The moments of exactly this name (one of each kind at most), and the one that it addresses as "KIND:NAME".</summary>
    public IReadOnlyList<Moment> FindByName(string name)
    {
        var found = new List<Moment>(2);
        Add(new MomentKey(MomentKind.Checkpoint, name));
        Add(new MomentKey(MomentKind.Snapshot, name));
        // A foreign name may look like an address; then both readings count, and the caller says that it is not clear.
        if (MomentKey.TryParse(name, out MomentKey? key))
            Add(key);
        return found;

        void Add(MomentKey candidate)
        {
            if (Find(candidate) is { } moment)
                found.Add(moment);
        }
    }

    /// <summary>The one moment that a name or "KIND:NAME" means; else an error that lists the nearest names, or the choices.</summary>
    public Moment Require(string name)
    {
        IReadOnlyList<Moment> found = FindByName(name);
        return found.Count switch
        {
            0 => throw MomentErrors.NotFound(name, this),
            1 => found[0],
            _ => throw MomentErrors.Ambiguous(name, found),
        };
    }

    public Moment? Parent(Moment moment) => AtOrNull(_forest.Parents[PositionOf(moment)]);

    /// <summary>The children by time, then name.</summary>
    public IReadOnlyList<Moment> Children(Moment moment) => At(_forest.ChildrenOf(PositionOf(moment)));

    public bool HasChildren(Moment moment) => _forest.Sizes[PositionOf(moment)] > 1;

    /// <summary>All below a moment, without itself, in tree order.</summary>
    public IReadOnlyList<Moment> Descendants(Moment moment)
    {
        int position = PositionOf(moment);
        return new ArraySegment<Moment>(_forest.Moments, position + 1, _forest.Sizes[position] - 1);
    }

    /// <summary>The moments from the root down to this one, itself included.</summary>
    public IReadOnlyList<Moment> Path(Moment moment)
    {
        var path = new List<Moment>();
        for (int position = PositionOf(moment); position >= 0; position = _forest.Parents[position])
            path.Add(_forest.Moments[position]);
        path.Reverse();
        return path;
    }

    /// <summary>Whether the moment is current for one disk at least.</summary>
    public bool IsCurrent(Moment moment) => _currentKeys.Contains(moment.Key);

    /// <summary>
    /// The parent of a moment taken now of these disks: the newest of their current moments. Below beats above whatever the
    /// clock says; between branches the later time wins.
    /// </summary>
    public Moment? NewestCurrent(IEnumerable<string> disks)
    {
        if (Declared is { } declared)
            return Find(declared);
        IEnumerable<MomentKey> current = disks.Where(_currentByDisk.ContainsKey).Select(disk => _currentByDisk[disk]);
        int[] positions = [.. current.Select(key => _positions[key]).Distinct().Order()];
        // In tree order whoever is above any of the others is above its neighbour.
        return positions
            .Where((position, index) => index + 1 == positions.Length || positions[index + 1] >= position + _forest.Sizes[position])
            .Select(position => _forest.Moments[position])
            .Max(MomentOrder.Instance);
    }

    /// <summary>The tree of those who see one kind only: parents and current are the nearest ancestors of that kind.</summary>
    public MomentTree Project(MomentKind kind) => MomentTreeSplice.Keep(this, _forest, moment => moment.Kind == kind);

    /// <summary>
    /// The tree after moments were removed: their children get the nearest parent that remains, and current moves there too.
    /// Moments whose parent stays are the same objects as before; keys that are not in the tree change nothing.
    /// </summary>
    public MomentTree Without(IReadOnlyCollection<MomentKey> removed)
    {
        HashSet<MomentKey> gone = [.. removed];
        return MomentTreeSplice.Keep(this, _forest, moment => !gone.Contains(moment.Key));
    }

    internal int PositionOf(Moment moment) => _positions.TryGetValue(moment.Key, out int position)
        ? position
        : throw new ArgumentException($"{moment.Key} is not in this tree.", nameof(moment));

    private Moment? AtOrNull(int position) => position < 0 ? null : _forest.Moments[position];

    private Moment[] At(IEnumerable<int> positions) => [.. positions.Select(position => _forest.Moments[position])];
}
