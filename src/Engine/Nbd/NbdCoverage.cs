namespace MomentTools.Nbd;

/// <summary>Which parts of a read its chunks have brought: sorted runs that do not touch. One run where chunks come in order.</summary>
internal sealed class NbdCoverage
{
    private readonly List<(uint Start, uint End)> _runs = [];

    /// <summary>The bytes that have come.</summary>
    public long Total { get; private set; }

    /// <summary>Books a run; false if part of it has come before, or if it would leave too many loose pieces.</summary>
    public bool TryAdd(uint start, uint length)
    {
        uint end = start + length;
        int next = FindBehind(start);
        bool touchesPrevious = next > 0 && _runs[next - 1].End >= start;
        if (touchesPrevious && _runs[next - 1].End > start)
            return false;
        if (next < _runs.Count && _runs[next].Start < end)
            return false;

        bool touchesNext = next < _runs.Count && _runs[next].Start == end;
        if (touchesPrevious)
        {
            _runs[next - 1] = (_runs[next - 1].Start, touchesNext ? _runs[next].End : end);
            if (touchesNext)
                _runs.RemoveAt(next);
        }
        else if (touchesNext)
            _runs[next] = (start, _runs[next].End);
        else if (_runs.Count < NbdLimits.MaxPieces)
            _runs.Insert(next, (start, end));
        else
            return false;

        Total += length;
        return true;
    }

    // The first run that starts behind the given byte.
    private int FindBehind(uint start)
    {
        int low = 0, high = _runs.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_runs[middle].Start <= start)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
