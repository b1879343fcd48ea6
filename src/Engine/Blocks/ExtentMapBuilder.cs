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
        // Written out: the generic checks of the exceptions' own are compiled anew in each process, and this runs a million times.
        if (offset < 0 || length < 0 || length > long.MaxValue - offset || (length > 0 && offset < _last.Offset))
            throw Refused(offset, length);
        if (length == 0)
            return;
        if (_last.Length > 0)
        {
            if (offset <= _last.End)
            {
                if (offset + length > _last.End)
                    _last = new Extent(_last.Offset, offset + length - _last.Offset);
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

    private ArgumentOutOfRangeException Refused(long offset, long length) =>
        new(nameof(offset), offset, $"A run of {length} bytes from {offset} on does not follow the one at {_last.Offset}.");

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
