using MomentTools.Moments;

namespace MomentTools.Operations.Repairs;

/// <summary>
/// Parents that are not there, and circles of parents: each such moment, and each such point of a disk, becomes a child of the nearest one
/// by time that is not below it. What changed across the gap is lost; what is known of the other edges stays. Pure.
/// </summary>
internal sealed class TreeRepair
{
    private readonly DomainMoments _state;
    private readonly List<string> _done = [];

    private TreeRepair(DomainMoments state) => _state = state;

    /// <summary>Gives the moments with whole trees, and what was done as parts of sentences.</summary>
    public static (DomainMoments Next, IReadOnlyList<string> Done) Run(DomainMoments state)
    {
        var repair = new TreeRepair(state);
        DomainMoments next = state.Disks.Values.Aggregate(state, (before, disk) => before.With(repair.Repaired(disk)));
        return (repair.Reparented(next), repair._done);
    }

    private DiskTracking Repaired(DiskTracking disk)
    {
        // Each pass mends one gap or cuts one circle; what is left of a circle is a line.
        for (int pass = 0; pass <= disk.Points.Count && Broken(disk) is { } point; pass++)
            disk = Mended(disk, point);
        return disk;
    }

    private TrackingPoint? Broken(DiskTracking disk)
    {
        if (disk.Points.Values.FirstOrDefault(point => point.ParentId is { } parent && !disk.Points.ContainsKey(parent)) is { } dangling)
            return dangling;
        HashSet<string> sound = new(StringComparer.Ordinal);
        foreach (TrackingPoint start in disk.Points.Values)
        {
            List<TrackingPoint> walk = [];
            HashSet<string> met = new(StringComparer.Ordinal);
            TrackingPoint? at = start;
            for (; at is not null && !sound.Contains(at.Id) && met.Add(at.Id); at = at.ParentId is null ? null : disk.Points.GetValueOrDefault(at.ParentId))
                walk.Add(at);
            if (at is not null && !sound.Contains(at.Id))
                return walk.SkipWhile(point => point.Id != at.Id).MinBy(point => TimeOf(disk, point));
            sound.UnionWith(met);
        }

        return null;
    }

    private DiskTracking Mended(DiskTracking disk, TrackingPoint point)
    {
        DateTimeOffset time = TimeOf(disk, point);
        HashSet<string> below = Below(disk, point);
        TrackingPoint? parent = disk.Points.Values.Where(other => other.Moment is not null && !below.Contains(other.Id) && TimeOf(disk, other) < time).MaxBy(other => TimeOf(disk, other));
        string what = point.Moment?.Name is { } name ? $"'{name}'" : "the present state";
        _done.Add(parent is null ? $"on disk '{disk.Disk}' {what} begins the history" : $"on disk '{disk.Disk}' {what} follows '{parent.Moment!.Name}', and what changed between is written down as lost");
        TrackingPoint mended = parent is null
            ? point with { ParentId = null, Floor = point.Size }
            : point with
            {
                ParentId = parent.Id,
                // Its bitmaps stay with it: they hold a part of what changed, and nobody else would look after them.
                Sources = [.. point.Sources.Append(new SegmentSource.Lost($"the record of a moment between '{parent.Moment!.Name}' and {what} is gone")).Distinct()],
                Floor = Math.Min(point.Floor, Math.Min(point.Size, parent.Size)),
            };
        return disk with { Points = new Dictionary<string, TrackingPoint>(disk.Points, StringComparer.Ordinal) { [point.Id] = mended } };
    }

    private static HashSet<string> Below(DiskTracking disk, TrackingPoint point)
    {
        ILookup<string?, string> children = disk.Points.Values.ToLookup(other => other.ParentId, other => other.Id, StringComparer.Ordinal);
        HashSet<string> below = [point.Id];
        var open = new Stack<string>(below);
        while (open.TryPop(out string? id))
            foreach (string child in children[id])
                if (below.Add(child))
                    open.Push(child);
        return below;
    }

    // A ghost is older than all below it, the present is younger than anything.
    private DateTimeOffset TimeOf(DiskTracking disk, TrackingPoint point)
    {
        if (point.Moment is { } own)
            return Created(own);
        return disk.Tips.Values.Any(tip => tip.PointId == point.Id) ? DateTimeOffset.MaxValue
            : Below(disk, point).Select(id => disk.Points[id].Moment).OfType<MomentKey>().Select(Created).DefaultIfEmpty(DateTimeOffset.MaxValue).Min();
    }

    private DateTimeOffset Created(MomentKey key) => _state.Moments.TryGetValue(key, out StoredMoment? moment) ? moment.Created : DateTimeOffset.MinValue;

    private DomainMoments Reparented(DomainMoments next)
    {
        for (int pass = 0; pass <= next.Moments.Count; pass++)
        {
            MomentTree tree = next.Tree(out IReadOnlyList<MomentTreeFault> faults);
            if (faults.FirstOrDefault(fault => fault.Kind is MomentTreeFaultKind.ParentMissing or MomentTreeFaultKind.Cycle) is not { } fault)
                break;
            // In the tree it is a root already: what is below it there cannot be its parent.
            Moment moment = tree.Find(fault.Moment)!;
            HashSet<MomentKey> below = [moment.Key, .. tree.Descendants(moment).Select(other => other.Key)];
            StoredMoment stored = next.Moments[moment.Key];
            MomentKey? parent = next.Disks.Values.Select(disk => disk.PointOf(moment.Key) is { ParentId: { } above } ? disk.NearestMoment(above) : null).OfType<MomentKey>()
                .Concat(next.Moments.Values.Where(other => other.Created < stored.Created).OrderByDescending(other => other.Created).Select(other => other.Key))
                .Where(key => !below.Contains(key) && next.Moments.ContainsKey(key)).Select(key => (MomentKey?)key).FirstOrDefault();
            _done.Add(parent is null ? $"'{moment.Name}' becomes a root" : $"'{moment.Name}' becomes a child of '{parent.Name}'");
            next = next.With(stored with { Parent = parent, Document = stored.Document with { ParentName = parent?.Name } });
        }

        return next;
    }
}
