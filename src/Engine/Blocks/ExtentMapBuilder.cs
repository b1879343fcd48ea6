namespace MomentTools.Blocks;

/// <summary>Builds an <see cref="ExtentMap"/> from runs that come in ascending order, joining those that touch or overlap.</summary>
internal sealed class ExtentMapBuilder
{
    private readonly List<Extent> _extents = [];

    public void Add(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, long.MaxValue - offset);
        if (length == 0)
            return;
        if (_extents.Count > 0)
        {
            Extent last = _extents[^1];
            ArgumentOutOfRangeException.ThrowIfLessThan(offset, last.Offset);
            if (offset <= last.End)
            {
                _extents[^1] = new Extent(last.Offset, Math.Max(last.End, offset + length) - last.Offset);
                return;
            }
        }

        _extents.Add(new Extent(offset, length));
    }

    public ExtentMap Build() => _extents.Count == 0 ? ExtentMap.Empty : new ExtentMap([.. _extents]);
}
