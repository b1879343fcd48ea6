namespace MomentTools.Blocks;

/// <summary>Builds one <see cref="ExtentMap"/> from runs that come in ascending order, joining those that touch or overlap.</summary>
internal sealed class ExtentMapBuilder
{
    private const int PieceLength = 1 << ExtentMap.PieceBits;
    private const int FirstPiece = 16;

    // Full pieces; the runs behind them are in the last one, which grows.
    private readonly List<Extent[]> _full = [];
    private Extent[] _piece = [];
    private int _used;

    // The run that may still grow; it has no length before the first.
    private Extent _last;

    public void Add(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, long.MaxValue - offset);
        if (length == 0)
            return;
        if (_last.Length > 0)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(offset, _last.Offset);
            if (offset <= _last.End)
            {
                _last = new Extent(_last.Offset, Math.Max(_last.End, offset + length) - _last.Offset);
                return;
            }

            Keep(_last);
        }

        _last = new Extent(offset, length);
    }

    /// <summary>The set of all runs; nothing is added behind it.</summary>
    public ExtentMap Build()
    {
        if (_last.Length == 0)
            return ExtentMap.Empty;
        Keep(_last);
        _last = default;
        return new ExtentMap([.. _full, _piece[.._used]], (_full.Count * PieceLength) + _used);
    }

    private void Keep(Extent extent)
    {
        if (_used == _piece.Length)
        {
            if (_used == PieceLength)
            {
                _full.Add(_piece);
                (_piece, _used) = (new Extent[PieceLength], 0);
            }
            else
            {
                Array.Resize(ref _piece, _full.Count > 0 ? PieceLength : Math.Max(FirstPiece, _used * 2));
            }
        }

        _piece[_used++] = extent;
    }
}
