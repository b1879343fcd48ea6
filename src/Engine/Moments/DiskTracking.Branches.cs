namespace MomentTools.Moments;

/// <summary>Operations on a disk's tips, one a branch, and on points that are kept for Undo.</summary>
internal sealed partial record DiskTracking
{
    /// <summary>
    /// A branch that begins at an external snapshot: a new tip on a new overlay, on the layer that the snapshot froze. It is not active yet. A
    /// tip that the branch had is dropped: who wants to keep it renames it before.
    /// </summary>
    public DiskTracking Fork(string branch, string fromPoint, TrackingLayer overlay, long size, string opened, string newTip)
    {
        TrackingLayer below = Layers.Values.FirstOrDefault(layer => layer.FrozenTop == fromPoint) ?? LayerOf(fromPoint);
        TrackingLayer layer = overlay with { BackingId = below.Id };
        return (this with { Layers = With(Layers, layer.Id, layer) }).WithTip(branch, RecordingPoint(newTip, fromPoint, layer.Id, size, opened), new TrackingTip(newTip, layer.Id, opened));
    }

    /// <summary>
    /// An internal snapshot was loaded into its layer: the branch's tip follows it there. The tip that the branch had is dropped with its last
    /// edge, since its content is gone; one that was saved before has been renamed.
    /// </summary>
    public DiskTracking Revert(string branch, string fromPoint, string opened, string newTip, long size)
    {
        string layer = LayerOf(fromPoint).Id;
        return WithTip(branch, RecordingPoint(newTip, fromPoint, layer, size, opened), new TrackingTip(newTip, layer, opened));
    }

    /// <summary>A branch that begins at an internal snapshot, and is not active: its tip is that snapshot.</summary>
    public DiskTracking ForkSaved(string branch, string fromPoint, string tag, string newTip)
    {
        TrackingPoint from = Points[fromPoint];
        // Nothing lies between the two: the edge has no source until the tip is loaded.
        return WithTip(branch, new TrackingPoint(newTip, fromPoint, [], from.Size, from.Size, from.LayerId, Flushed: true, null), new TrackingTip(newTip, from.LayerId, "") { Saved = tag });
    }

    /// <summary>The content of a branch's tip is the internal snapshot of this tag now, on its layer; nothing records it any more.</summary>
    public DiskTracking SaveTip(string branch, IReadOnlyList<SegmentSource> closed, string tag)
    {
        TrackingTip tip = Tips[branch];
        return this with
        {
            Points = With(Points, tip.PointId, Points[tip.PointId] with { Sources = closed, Flushed = true }),
            Tips = With(Tips, branch, tip with { Recording = "", Saved = tag }),
        };
    }

    /// <summary>A saved tip is what its layer holds again, and a new bitmap records there.</summary>
    public DiskTracking LoadTip(string branch, string opened)
    {
        TrackingTip tip = Tips[branch];
        TrackingPoint point = Points[tip.PointId];
        return this with
        {
            Points = With(Points, point.Id, point with { Flushed = false, Sources = [.. point.Sources, new SegmentSource.Bitmap(tip.LayerId, opened, null)] }),
            Tips = With(Tips, branch, tip with { Recording = opened, Saved = null }),
        };
    }

    /// <summary>The same tree with another branch's tip as the one that the machine writes to.</summary>
    public DiskTracking Activate(string branch) => this with { ActiveBranch = branch };

    /// <summary>The same tree with a tip under another branch's name; where it is the active one, that branch is.</summary>
    public DiskTracking RenameTip(string from, string to)
    {
        if (!Tips.TryGetValue(from, out TrackingTip? tip))
            return ActiveBranch == from && Tips.Count == 0 ? this with { ActiveBranch = to } : this;
        if (Tips.ContainsKey(to))
            throw new InvalidOperationException($"Disk '{Disk}' has a tip of branch '{to}' already.");
        var tips = new Dictionary<string, TrackingTip>(Tips, StringComparer.Ordinal);
        tips.Remove(from);
        tips.Add(to, tip);
        return this with { Tips = tips, ActiveBranch = ActiveBranch == from ? to : ActiveBranch };
    }

    /// <summary>The same tree without a branch's tip, its last edge, and the ghosts that only it needed.</summary>
    public DiskTracking DropTip(string branch)
    {
        if (!Tips.TryGetValue(branch, out TrackingTip? tip))
            return this;
        var splice = new TrackingSplice(Points);
        splice.RemoveTip(tip.PointId);
        return Spliced(splice, Tips.Where(other => other.Key != branch));
    }

    /// <summary>Moments' points lose their name, but stay where they are until they are recalled or let go.</summary>
    public DiskTracking Forget(IEnumerable<MomentKey> moments)
    {
        HashSet<MomentKey> gone = [.. moments];
        TrackingPoint[] forgotten = [.. Points.Values.Where(point => point.Moment is { } moment && gone.Contains(moment))];
        if (forgotten.Length == 0)
            return this;
        var points = new Dictionary<string, TrackingPoint>(Points, StringComparer.Ordinal);
        foreach (TrackingPoint point in forgotten)
            points[point.Id] = point with { Moment = null, Kept = true };
        return this with { Points = points };
    }

    /// <summary>A point that was kept is a moment's again.</summary>
    public DiskTracking Recall(string pointId, MomentKey moment) =>
        this with { Points = With(Points, pointId, Points[pointId] with { Moment = moment, Kept = false }) };

    /// <summary>Points that were kept go as those of removed moments do.</summary>
    public DiskTracking LetGo(IEnumerable<string> pointIds)
    {
        string[] kept = [.. pointIds.Where(id => Points.GetValueOrDefault(id) is { Kept: true })];
        if (kept.Length == 0)
            return this;
        var points = new Dictionary<string, TrackingPoint>(Points, StringComparer.Ordinal);
        foreach (string id in kept)
            points[id] = points[id] with { Kept = false };
        return (this with { Points = points }).Without(kept);
    }

    /// <summary>A block snapshot tells its changes from this point: it stays until it is unpinned.</summary>
    public DiskTracking Pin(string pointId) =>
        Points.GetValueOrDefault(pointId) is { Pinned: false } point ? this with { Points = With(Points, pointId, point with { Pinned = true }) } : this;

    /// <summary>No block snapshot refers to the point any more: a nameless one goes, where it is superfluous now.</summary>
    public DiskTracking Unpin(string pointId)
    {
        if (Points.GetValueOrDefault(pointId) is not { Pinned: true } point)
            return this;
        DiskTracking free = this with { Points = With(Points, pointId, point with { Pinned = false }) };
        // A tip's point has no name either, and stays.
        return point is { Moment: null, Kept: false } && Tips.Values.All(tip => tip.PointId != pointId) ? free.Without([pointId]) : free;
    }

    private static TrackingPoint RecordingPoint(string id, string parent, string layer, long size, string bitmap) =>
        new(id, parent, [new SegmentSource.Bitmap(layer, bitmap, null)], size, size, layer, Flushed: false, null);

    // The new tip is there before the old one goes, so that what both begin at stays.
    private DiskTracking WithTip(string branch, TrackingPoint point, TrackingTip tip)
    {
        TrackingTip? old = Tips.GetValueOrDefault(branch);
        DiskTracking next = this with { Points = With(Points, point.Id, point), Tips = With(Tips, branch, tip) };
        if (old is null)
            return next;
        var splice = new TrackingSplice(next.Points);
        splice.RemoveTip(old.PointId);
        return next.Spliced(splice, next.Tips);
    }
}
