namespace MomentTools.Moments;

/// <summary>Makes a tree of metadata that may be wrong: links that lead nowhere or in a circle are cut and reported.</summary>
internal sealed class MomentTreeBuilder
{
    private readonly List<MomentTreeFault> _faults = [];
    private readonly List<Moment> _moments = [];
    private readonly Dictionary<MomentKey, int> _indexes = [];

    public MomentTreeBuilder(IEnumerable<Moment> moments, IReadOnlyDictionary<string, MomentKey> currentByDisk, MomentKey? declared)
    {
        foreach (Moment moment in moments)
        {
            if (_indexes.TryAdd(moment.Key, _moments.Count))
                _moments.Add(moment);
            else
                _faults.Add(MomentTreeFault.Duplicate(moment.Key));
        }

        int[] parents = Link();
        CutCircles(parents);
        if (declared is { } missing && !_indexes.ContainsKey(missing))
        {
            _faults.Add(MomentTreeFault.CurrentMissing(missing));
            declared = null;
        }

        Tree = new MomentTree(MomentForest.Arrange([.. _moments], parents), CurrentThatExist(currentByDisk), declared);
    }

    public MomentTree Tree { get; }

    public IReadOnlyList<MomentTreeFault> Faults => _faults;

    private int[] Link()
    {
        int[] parents = new int[_moments.Count];
        for (int index = 0; index < parents.Length; index++)
        {
            parents[index] = -1;
            if (_moments[index].Parent is not { } parent)
                continue;
            if (_indexes.TryGetValue(parent, out int found))
                parents[index] = found;
            else
                _faults.Add(MomentTreeFault.ParentMissing(_moments[index].Key, parent));
        }

        return parents;
    }

    // Every moment is walked over once: a walk stops where an earlier one passed, and closes a circle where it meets itself.
    private void CutCircles(int[] parents)
    {
        int[] walkOf = new int[parents.Length];
        for (int start = 0; start < parents.Length; start++)
        {
            int walk = start + 1;
            int at = start;
            while (at >= 0 && walkOf[at] == 0)
            {
                walkOf[at] = walk;
                at = parents[at];
            }

            if (at >= 0 && walkOf[at] == walk)
                CutCircle(parents, at);
        }
    }

    // The oldest is the likeliest to have been a root, and the choice does not hang on the order of the files.
    private void CutCircle(int[] parents, int member)
    {
        int oldest = member;
        for (int at = parents[member]; at != member; at = parents[at])
        {
            if (MomentOrder.Instance.Compare(_moments[at], _moments[oldest]) < 0)
                oldest = at;
        }

        _faults.Add(MomentTreeFault.Cycle(_moments[oldest].Key, _moments[parents[oldest]].Key));
        parents[oldest] = -1;
    }

    private Dictionary<string, MomentKey> CurrentThatExist(IReadOnlyDictionary<string, MomentKey> currentByDisk)
    {
        var current = new Dictionary<string, MomentKey>(StringComparer.Ordinal);
        foreach ((string disk, MomentKey key) in currentByDisk.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (_indexes.ContainsKey(key))
                current.Add(disk, key);
            else
                _faults.Add(MomentTreeFault.CurrentMissing(key, disk));
        }

        return current;
    }
}
