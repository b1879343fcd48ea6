using System.Collections;

namespace MomentTools.Blocks;

/// <summary>
/// A set of a disk's bytes as sorted runs that neither overlap nor touch. Immutable. All operations are linear
/// in the number of runs, and the runs lie in pieces of moderate size, so that a million of them stay cheap.
/// </summary>
internal sealed class ExtentMap : IReadOnlyList<Extent>, IEquatable<ExtentMap>
{
    /// <summary>Each piece but the last has 2^PieceBits runs: large arrays that grow by copying would cost many times what they hold.</summary>
    internal const int PieceBits = 11;

    private readonly Extent[][] _pieces;

    /// <summary>For <see cref="ExtentMapBuilder"/>, which keeps the order and joins neighbours.</summary>
    internal ExtentMap(Extent[][] pieces, int count) => (_pieces, Count) = (pieces, count);

    public static ExtentMap Empty { get; } = new([], 0);

    public int Count { get; }

    /// <summary>The number of bytes in the set.</summary>
    public long TotalLength
    {
        get
        {
            long total = 0;
            foreach (Extent extent in this)
                total += extent.Length;
            return total;
        }
    }

    public Extent this[int index] => _pieces[index >> PieceBits][index & ((1 << PieceBits) - 1)];

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
            bool takeLeft = right == other.Count || (left < Count && this[left].Offset <= other[right].Offset);
            Extent next = takeLeft ? this[left++] : other[right++];
            builder.Add(next.Offset, next.Length);
        }

        return builder.Build();
    }

    public ExtentMap Intersect(ExtentMap other)
    {
        if (Count == 0 || other.Count == 0)
            return Empty;
        var builder = new ExtentMapBuilder();
        int left = 0, right = 0;
        while (left < Count && right < other.Count)
        {
            long start = Math.Max(this[left].Offset, other[right].Offset);
            long end = Math.Min(this[left].End, other[right].End);
            if (start < end)
                builder.Add(start, end - start);
            if (this[left].End < other[right].End)
                left++;
            else
                right++;
        }

        return builder.Build();
    }

    public ExtentMap Subtract(ExtentMap other)
    {
        if (Count == 0 || other.Count == 0)
            return this;
        if (ReferenceEquals(this, other))
            return Empty;
        var builder = new ExtentMapBuilder();
        int right = 0;
        foreach (Extent extent in this)
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
    public ExtentMap Clip(long length) =>
        length <= 0 || Count == 0 ? Empty : this[Count - 1].End <= length ? this : Intersect(Of(new Extent(0, length)));

    /// <summary>
    /// The set with each run grown to whole blocks of <paramref name="granularity"/> bytes (a power of two), cut at <paramref name="limit"/>.
    /// </summary>
    public ExtentMap RoundOut(long granularity, long limit)
    {
        if (granularity <= 0 || (granularity & (granularity - 1)) != 0)
            throw new ArgumentOutOfRangeException(nameof(granularity), granularity, "Not a power of two.");
        var builder = new ExtentMapBuilder();
        foreach (Extent extent in this)
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
            if (offset < this[middle].Offset)
                high = middle - 1;
            else if (offset >= this[middle].End)
                low = middle + 1;
            else
                return true;
        }

        return false;
    }

    public bool Equals(ExtentMap? other)
    {
        if (other?.Count != Count)
            return false;
        for (int piece = 0; piece < _pieces.Length; piece++)
            if (!_pieces[piece].AsSpan().SequenceEqual(other._pieces[piece]))
                return false;
        return true;
    }

    public override bool Equals(object? obj) => Equals(obj as ExtentMap);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (Extent extent in this)
            hash.Add(extent);
        return hash.ToHashCode();
    }

    public override string ToString() => $"{Count} extents, {TotalLength} bytes";

    public Enumerator GetEnumerator() => new(this);

    IEnumerator<Extent> IEnumerable<Extent>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Goes through the runs in order.</summary>
    public struct Enumerator(ExtentMap map) : IEnumerator<Extent>
    {
        private int _index = -1;

        public readonly Extent Current => map[_index];

        readonly object IEnumerator.Current => Current;

        public bool MoveNext() => ++_index < map.Count;

        public void Reset() => _index = -1;

        public readonly void Dispose()
        {
            // Nothing is held.
        }
    }
}
