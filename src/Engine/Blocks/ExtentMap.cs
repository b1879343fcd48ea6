using System.Collections;

namespace MomentTools.Blocks;

/// <summary>
/// A set of a disk's bytes as sorted runs that neither overlap nor touch. Immutable. All operations are linear
/// in the number of runs, so that hundreds of thousands of them stay cheap.
/// </summary>
internal sealed class ExtentMap : IReadOnlyList<Extent>, IEquatable<ExtentMap>
{
    private readonly Extent[] _extents;

    /// <summary>For <see cref="ExtentMapBuilder"/>, which keeps the order and joins neighbours.</summary>
    internal ExtentMap(Extent[] extents) => _extents = extents;

    public static ExtentMap Empty { get; } = new([]);

    public int Count => _extents.Length;

    /// <summary>The number of bytes in the set.</summary>
    public long TotalLength => _extents.Sum(extent => extent.Length);

    public Extent this[int index] => _extents[index];

    public static ExtentMap Of(params IEnumerable<Extent> extents)
    {
        var builder = new ExtentMapBuilder();
        foreach (Extent extent in extents.OrderBy(extent => extent.Offset))
            builder.Add(extent.Offset, extent.Length);
        return builder.Build();
    }

    public ExtentMap Union(ExtentMap other)
    {
        if (other.Count == 0)
            return this;
        if (Count == 0)
            return other;
        var builder = new ExtentMapBuilder();
        int left = 0, right = 0;
        while (left < Count || right < other.Count)
        {
            bool takeLeft = right == other.Count || (left < Count && _extents[left].Offset <= other[right].Offset);
            Extent next = takeLeft ? _extents[left++] : other[right++];
            builder.Add(next.Offset, next.Length);
        }

        return builder.Build();
    }

    public ExtentMap Intersect(ExtentMap other)
    {
        var builder = new ExtentMapBuilder();
        int left = 0, right = 0;
        while (left < Count && right < other.Count)
        {
            long start = Math.Max(_extents[left].Offset, other[right].Offset);
            long end = Math.Min(_extents[left].End, other[right].End);
            if (start < end)
                builder.Add(start, end - start);
            if (_extents[left].End < other[right].End)
                left++;
            else
                right++;
        }

        return builder.Build();
    }

    public ExtentMap Subtract(ExtentMap other)
    {
        var builder = new ExtentMapBuilder();
        int right = 0;
        foreach (Extent extent in _extents)
        {
            long start = extent.Offset;
            while (right < other.Count && other[right].End <= start)
                right++;
            for (int hole = right; start < extent.End; hole++)
            {
                long holeStart = hole < other.Count ? Math.Min(other[hole].Offset, extent.End) : extent.End;
                if (start < holeStart)
                    builder.Add(start, holeStart - start);
                start = hole < other.Count ? Math.Max(start, other[hole].End) : extent.End;
            }
        }

        return builder.Build();
    }

    /// <summary>The part of the set inside [0, length).</summary>
    public ExtentMap Clip(long length) => length <= 0 ? Empty : Intersect(Of(new Extent(0, length)));

    /// <summary>
    /// The set with each run grown to whole blocks of <paramref name="granularity"/> bytes (a power of two), cut at <paramref name="limit"/>.
    /// </summary>
    public ExtentMap RoundOut(long granularity, long limit)
    {
        if (granularity <= 0 || (granularity & (granularity - 1)) != 0)
            throw new ArgumentOutOfRangeException(nameof(granularity), granularity, "Not a power of two.");
        var builder = new ExtentMapBuilder();
        foreach (Extent extent in _extents)
        {
            long start = extent.Offset & -granularity;
            // Near the largest offset there is no whole block left to round up to.
            long end = extent.End > long.MaxValue - granularity ? limit : (extent.End + granularity - 1) & -granularity;
            if (start < Math.Min(end, limit))
                builder.Add(start, Math.Min(end, limit) - start);
        }

        return builder.Build();
    }

    public bool Contains(long offset)
    {
        int low = 0, high = Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (offset < _extents[middle].Offset)
                high = middle - 1;
            else if (offset >= _extents[middle].End)
                low = middle + 1;
            else
                return true;
        }

        return false;
    }

    public ReadOnlySpan<Extent> AsSpan() => _extents;

    public bool Equals(ExtentMap? other) => other is not null && _extents.AsSpan().SequenceEqual(other._extents);

    public override bool Equals(object? obj) => Equals(obj as ExtentMap);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (Extent extent in _extents)
            hash.Add(extent);
        return hash.ToHashCode();
    }

    public override string ToString() => $"{Count} extents, {TotalLength} bytes";

    public IEnumerator<Extent> GetEnumerator() => ((IEnumerable<Extent>)_extents).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
