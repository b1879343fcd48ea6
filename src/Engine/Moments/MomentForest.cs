namespace MomentTools.Moments;

/// <summary>
/// The shape of a moment tree in three arrays. Moments stand in preorder (siblings in <see cref="MomentOrder"/>), so a
/// subtree is one run: its members, its size and "is above" are had without walking. Nothing here is recursive, because a
/// chain of daily checkpoints may be as deep as it is long.
/// </summary>
internal sealed class MomentForest
{
    private MomentForest(Moment[] moments, int[] parents, int[] sizes) => (Moments, Parents, Sizes) = (moments, parents, sizes);

    /// <summary>Parents before children, each subtree without gaps.</summary>
    public Moment[] Moments { get; }

    /// <summary>The position of each one's parent, always smaller than its own, or -1.</summary>
    public int[] Parents { get; }

    /// <summary>How many moments each subtree has, its root included.</summary>
    public int[] Sizes { get; }

    /// <summary>Puts moments in order. Each moment's parent is an index into the same array, or -1; there are no circles.</summary>
    public static MomentForest Arrange(Moment[] moments, int[] parents)
    {
        int count = moments.Length;
        int[] youngestFirst = YoungestFirst(moments);

        // Each parent's children as a linked list; filled from the youngest, each list begins with the oldest.
        int[] firstChild = Filled(count), nextSibling = Filled(count);
        int firstRoot = -1;
        foreach (int index in youngestFirst)
        {
            ref int first = ref parents[index] < 0 ? ref firstRoot : ref firstChild[parents[index]];
            nextSibling[index] = first;
            first = index;
        }

        var ordered = new Moment[count];
        int[] orderedParents = new int[count], sizes = new int[count], position = Filled(count);
        int next = 0;
        for (int index = firstRoot; index >= 0;)
        {
            position[index] = next;
            ordered[next] = moments[index];
            orderedParents[next++] = parents[index] < 0 ? -1 : position[parents[index]];
            if (firstChild[index] >= 0)
            {
                index = firstChild[index];
                continue;
            }

            while (index >= 0 && nextSibling[index] < 0)
                index = parents[index];
            index = index < 0 ? -1 : nextSibling[index];
        }

        for (int at = count - 1; at >= 0; at--)
        {
            sizes[at]++;
            if (orderedParents[at] >= 0)
                sizes[orderedParents[at]] += sizes[at];
        }

        return new MomentForest(ordered, orderedParents, sizes);
    }

    /// <summary>The positions of the children of a position, or the roots for -1, oldest first.</summary>
    public IEnumerable<int> ChildrenOf(int position)
    {
        int end = position < 0 ? Moments.Length : position + Sizes[position];
        for (int child = position + 1; child < end; child += Sizes[child])
            yield return child;
    }

    private static int[] YoungestFirst(Moment[] moments)
    {
        int[] indexes = new int[moments.Length];
        bool sorted = true;
        for (int index = 0; index < indexes.Length; index++)
        {
            indexes[^(index + 1)] = index;
            sorted &= index == 0 || MomentOrder.Instance.Compare(moments[index - 1], moments[index]) <= 0;
        }

        // Names that begin with the date, or are counted, come from the directory in order.
        return sorted ? indexes : [.. indexes.OrderByDescending(index => moments[index], MomentOrder.Instance)];
    }

    private static int[] Filled(int count)
    {
        int[] array = new int[count];
        Array.Fill(array, -1);
        return array;
    }
}
