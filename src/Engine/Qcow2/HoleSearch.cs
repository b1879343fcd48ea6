using MomentTools.Blocks;

namespace MomentTools.Qcow2;

/// <summary>
/// Goes through many ranges of a layer in order and notes where it stores no bytes. It asks for each L2 table once, so that only the reading
/// of tables has to be waited for.
/// </summary>
/// <param name="ranges">The ranges, within the layer.</param>
/// <param name="l1">The offsets of the L2 tables.</param>
/// <param name="coveredBits">How many bits of a guest offset one L2 table covers.</param>
internal sealed class HoleSearch(ExtentMap ranges, ulong[] l1, int coveredBits)
{
    private readonly ExtentMapBuilder _zero = new();
    private readonly ExtentMapBuilder _unallocated = new();
    private int _range;
    private long _at = ranges.Count == 0 ? 0 : ranges[0].Offset;
    private int _asked = -1;

    /// <summary>Goes on, and gives the index of the L2 table that it needs next; null at the end.</summary>
    /// <param name="table">The one that it asked for; null at first.</param>
    public int? Run(L2Table? table)
    {
        while (_range < ranges.Count)
        {
            Extent range = ranges[_range];
            while (_at < range.End)
            {
                int index = (int)(_at >> coveredBits);
                if (l1[index] == 0)
                    Note(_unallocated, Math.Min(range.End, AbsentEnd(index)));
                else if (index != _asked || table is null)
                    return _asked = index;
                else
                    Look(table, Math.Min(range.End, (long)(index + 1) << coveredBits));
            }

            if (++_range < ranges.Count)
                _at = ranges[_range].Offset;
        }

        return null;
    }

    public LayerHoles Holes() => new(_zero.Build(), _unallocated.Build());

    private void Look(L2Table table, long limit)
    {
        (BlockKind kind, long end) = table.KindAt(_at, limit);
        if (kind == BlockKind.Data)
            _at = end;
        else
            Note(kind == BlockKind.Zero ? _zero : _unallocated, end);
    }

    private void Note(ExtentMapBuilder hole, long end)
    {
        hole.Add(_at, end - _at);
        _at = end;
    }

    private long AbsentEnd(int index)
    {
        int present = l1.AsSpan(index).IndexOfAnyExcept(0UL);
        return present < 0 ? long.MaxValue : (long)(index + present) << coveredBits;
    }
}
