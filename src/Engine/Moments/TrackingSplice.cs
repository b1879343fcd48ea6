namespace MomentTools.Moments;

/// <summary>
/// Takes points out of a disk's tree and joins the edges. The children of each point are kept at hand, so that a thousand points go in one
/// pass.
/// </summary>
internal sealed class TrackingSplice
{
    private readonly Dictionary<string, TrackingPoint> _points;
    private readonly Dictionary<string, HashSet<string>> _children = new(StringComparer.Ordinal);

    public TrackingSplice(IReadOnlyDictionary<string, TrackingPoint> points)
    {
        _points = new Dictionary<string, TrackingPoint>(points, StringComparer.Ordinal);
        foreach (TrackingPoint point in points.Values)
            Adopt(point);
    }

    public IReadOnlyDictionary<string, TrackingPoint> Points => _points;

    /// <summary>
    /// A moment's point loses its name. One with several children stays as a nameless ghost, since merging its edge into each would blur
    /// what they changed against each other; else the two edges join as a list of sources. A point that is kept for Undo, or that a block
    /// snapshot refers to, stays as it is.
    /// </summary>
    public void Remove(string pointId)
    {
        // One that was nameless already went with a child of it.
        if (!_points.TryGetValue(pointId, out TrackingPoint? named))
            return;
        _points[pointId] = named with { Moment = null };
        // A ghost above that loses a child may be superfluous in its turn, hence the loop.
        string? next = pointId;
        while (next is not null && _points.TryGetValue(next, out TrackingPoint? point) && IsNameless(point))
        {
            if (Children(point.Id) is { Count: > 1 })
                return;
            string? child = Children(point.Id)?.SingleOrDefault();
            Drop(point);
            if (child is not null)
                Join(point, _points[child]);
            // A ghost that has become the root is superfluous as well when it has one child only.
            next = child is null ? point.ParentId : point.ParentId is null && IsGhost(child) ? child : null;
        }
    }

    /// <summary>Takes a tip's point out, which has nothing below it, and ghosts above that are needed no more.</summary>
    public void RemoveTip(string pointId)
    {
        if (!_points.TryGetValue(pointId, out TrackingPoint? tip))
            return;
        Drop(tip);
        if (tip.ParentId is { } parent && _points.TryGetValue(parent, out TrackingPoint? above) && IsNameless(above))
            Remove(parent);
    }

    private void Join(TrackingPoint point, TrackingPoint child)
    {
        _points[child.Id] = point.ParentId is null
            ? child with { ParentId = null, Sources = [], Floor = child.Size }
            : child with
            {
                ParentId = point.ParentId,
                Sources = [.. point.Sources.Union(child.Sources)],
                Floor = Math.Min(Math.Min(point.Floor, child.Floor), point.Size),
            };
        Adopt(_points[child.Id]);
    }

    // Nothing but its children needs it.
    private static bool IsNameless(TrackingPoint point) => point is { Moment: null, Kept: false, Pinned: false };

    private bool IsGhost(string id) => IsNameless(_points[id]) && Children(id) is { Count: > 0 };

    private HashSet<string>? Children(string id) => _children.GetValueOrDefault(id);

    private void Adopt(TrackingPoint point)
    {
        if (point.ParentId is not { } parent)
            return;
        if (!_children.TryGetValue(parent, out HashSet<string>? siblings))
            _children.Add(parent, siblings = new HashSet<string>(StringComparer.Ordinal));
        siblings.Add(point.Id);
    }

    private void Drop(TrackingPoint point)
    {
        _points.Remove(point.Id);
        _children.Remove(point.Id);
        if (point.ParentId is { } parent)
            Children(parent)?.Remove(point.Id);
    }
}
