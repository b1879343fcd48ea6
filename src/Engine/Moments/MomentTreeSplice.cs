namespace MomentTools.Moments;

/// <summary>Takes moments out of a tree and joins the ends, in one pass from the roots down.</summary>
internal static class MomentTreeSplice
{
    public static MomentTree Keep(MomentTree tree, MomentForest forest, Func<Moment, bool> keeps)
    {
        int count = forest.Moments.Length;
        // Of each moment of the old tree: where its nearest kept ancestor, or itself, stands among the kept ones, or -1.
        int[] nearest = new int[count];
        var kept = new List<Moment>();
        var parents = new List<int>();
        for (int position = 0; position < count; position++)
        {
            int parent = forest.Parents[position];
            nearest[position] = parent < 0 ? -1 : nearest[parent];
            Moment moment = forest.Moments[position];
            if (!keeps(moment))
                continue;
            MomentKey? above = nearest[position] < 0 ? null : kept[nearest[position]].Key;
            // Where the link is as before, the record stays too, a parent that is missing included: its file may come back.
            // Not so the parent that a cut circle left on its root, if that one goes.
            bool linkStays = parent < 0
                ? moment.Parent is not { } recorded || tree.Find(recorded) is not { } inCircle || keeps(inCircle)
                : above == forest.Moments[parent].Key;
            parents.Add(nearest[position]);
            nearest[position] = kept.Count;
            kept.Add(linkStays ? moment : moment with { Parent = above });
        }

        var current = new Dictionary<string, MomentKey>(StringComparer.Ordinal);
        foreach ((string disk, MomentKey key) in tree.CurrentByDisk)
        {
            int place = nearest[tree.PositionOf(tree.Find(key)!)];
            if (place >= 0)
                current.Add(disk, kept[place].Key);
        }

        MomentKey? declared = tree.Declared is { } chosen && nearest[tree.PositionOf(tree.Find(chosen)!)] is >= 0 and var at ? kept[at].Key : null;
        IEnumerable<MomentTreeTip> tips = tree.Tips.Select(tip => (Tip: tip, Place: nearest[tree.PositionOf(tree.Find(tip.Moment)!)])).Where(one => one.Place >= 0)
            .Select(one => one.Tip with { Moment = kept[one.Place].Key });
        return new MomentTree(MomentForest.Arrange([.. kept], [.. parents]), current, declared) { Domain = tree.Domain, Tips = [.. tips] };
    }
}
