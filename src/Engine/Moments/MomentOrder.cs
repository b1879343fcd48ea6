namespace MomentTools.Moments;

/// <summary>The order of lists and of siblings: by time, then by name, byte by byte, so that it is the same everywhere.</summary>
internal sealed class MomentOrder : IComparer<Moment>
{
    public static MomentOrder Instance { get; } = new();

    public int Compare(Moment? x, Moment? y)
    {
        if (x is null || y is null)
            return (x is null ? 0 : 1) - (y is null ? 0 : 1);
        int order = x.Created.CompareTo(y.Created);
        if (order == 0)
            order = string.CompareOrdinal(x.Name, y.Name);
        return order != 0 ? order : x.Kind.CompareTo(y.Kind);
    }
}
