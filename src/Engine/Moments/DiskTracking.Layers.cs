namespace MomentTools.Moments;

/// <summary>Operations on a disk's layers: freezing one, putting one on top, and what is known once one is gone.</summary>
internal sealed partial record DiskTracking
{
    /// <summary>
    /// An external snapshot: the tip's point becomes the moment's and is the last one on its layer, and the new tip is on an overlay on top of
    /// it.
    /// </summary>
    /// <param name="moment">The moment; null where a branching point is made that bears no name.</param>
    /// <param name="active">The layer that is written no more, with what its file was when it froze.</param>
    /// <param name="overlay">The layer that is written from now on.</param>
    /// <param name="size">The virtual size in bytes.</param>
    /// <param name="closed">The sources of the edge that now closes, as far as they were proven; ignored where nothing recorded yet.</param>
    /// <param name="opened">The bitmap that records on the overlay from now on.</param>
    /// <param name="newPoint">A new id for the moment's point where there was no tip.</param>
    /// <param name="newTip">A new id for the tip.</param>
    /// <param name="floor">The smallest size in bytes that the disk is known to have had since the last moment.</param>
    public DiskTracking Freeze(
        MomentKey? moment, TrackingLayer active, TrackingLayer overlay, long size, IReadOnlyList<SegmentSource> closed, string opened, string newPoint, string newTip,
        long floor = long.MaxValue)
    {
        TrackingPoint point = Closed(moment, active, size, closed, newPoint, floor);
        var layers = new Dictionary<string, TrackingLayer>(Layers, StringComparer.Ordinal)
        {
            [active.Id] = active with { FrozenTop = point.Id },
            [overlay.Id] = overlay with { BackingId = active.Id },
        };
        return (this with { Points = With(Points, point.Id, point), Layers = layers }).Recording(point.Id, overlay, size, opened, newTip);
    }

    /// <summary>The layer that holds, or held, a point's content.</summary>
    public TrackingLayer LayerOf(string pointId) => Layers[Points[pointId].LayerId];

    /// <summary>The layers that lie on a layer, as far as the tracking knows.</summary>
    public IReadOnlyList<TrackingLayer> ChildrenOf(string layerId) => [.. Layers.Values.Where(layer => layer.BackingId == layerId)];

    /// <summary>
    /// The smallest size in bytes that the disk is known to have had while it was on a layer: QEMU cut the layer's closed bitmaps with it, and
    /// beyond that they say nothing.
    /// </summary>
    public long LayerFloor(string layerId) =>
        Points.Values.Where(point => point.LayerId == layerId).Aggregate(long.MaxValue, (floor, point) => Math.Min(floor, Math.Min(point.Floor, point.Size)));

    /// <summary>
    /// The same edges with other sources for what lies in a layer's closed bitmaps, before the layer is merged, reverted or removed. What
    /// still records for a tip stays.
    /// </summary>
    public DiskTracking OnSidecars(string layerId, Func<SegmentSource.Bitmap, SegmentSource> replace)
    {
        HashSet<string> recording = [.. Tips.Values.Where(tip => tip.LayerId == layerId).Select(tip => tip.Recording)];
        return WithBitmaps(bitmap => bitmap.LayerId == layerId && !recording.Contains(bitmap.Name) ? replace(bitmap) : bitmap);
    }

    /// <summary>
    /// A layer's content was committed into the one below: what was on it is on that one now. Its closed segments are only in their sidecars.
    /// </summary>
    /// <param name="child">The layer that is gone.</param>
    /// <param name="into">The layer that has its content now.</param>
    /// <param name="result">That layer as it is now; it bears the last mark of the one that is gone, or is written.</param>
    /// <param name="opened">The bitmap that records for the tip there, if another one.</param>
    /// <param name="newTip">A new id for the tip's point, if the image is marked anew.</param>
    public DiskTracking Merged(string child, string into, TrackingLayer result, string? opened, string? newTip)
    {
        TrackingTip? live = Tips.Values.FirstOrDefault(tip => tip.LayerId == child && tip.Saved is null);
        DiskTracking moved = OnSidecars(child, bitmap => OffLayer(bitmap, "the image that held it was merged"));
        moved = moved.WithBitmaps(bitmap => bitmap.LayerId == child ? bitmap with { LayerId = into, Name = opened ?? bitmap.Name } : bitmap);
        var layers = moved.Layers.Where(layer => layer.Key != child).ToDictionary(
            layer => layer.Key, layer => layer.Value.BackingId == child ? layer.Value with { BackingId = into } : layer.Value, StringComparer.Ordinal);
        layers[into] = result with { Id = into };
        moved = moved with
        {
            Layers = layers,
            Points = moved.Points.ToDictionary(point => point.Key, point => point.Value.LayerId == child ? point.Value with { LayerId = into } : point.Value, StringComparer.Ordinal),
            Tips = moved.Tips.ToDictionary(
                tip => tip.Key, tip => tip.Value.LayerId != child ? tip.Value : tip.Value with { LayerId = into, Recording = tip.Value.Saved is null ? opened ?? tip.Value.Recording : "" }, StringComparer.Ordinal),
        };
        return live is null || newTip is null ? moved : moved.Renamed(live.PointId, newTip);
    }

    /// <summary>The same tree without a layer that is gone; what lay on it lies on the one below.</summary>
    public DiskTracking Forgotten(string layerId)
    {
        if (!Layers.TryGetValue(layerId, out TrackingLayer? gone))
            return this;
        DiskTracking next = WithBitmaps(bitmap => bitmap.LayerId == layerId ? OffLayer(bitmap, "the image that held it was removed") : bitmap);
        return next with
        {
            Layers = next.Layers.Where(layer => layer.Key != layerId).ToDictionary(
                layer => layer.Key, layer => layer.Value.BackingId == layerId ? layer.Value with { BackingId = gone.BackingId } : layer.Value, StringComparer.Ordinal),
        };
    }

    private static SegmentSource OffLayer(SegmentSource.Bitmap bitmap, string reason) =>
        bitmap.SidecarId is { } sidecar ? new SegmentSource.Sidecar(sidecar) : new SegmentSource.Lost($"the bitmap '{bitmap.Name}' had no sidecar when {reason}");

    // Points whose sources stay are the same objects as before: their files are not written anew.
    private DiskTracking WithBitmaps(Func<SegmentSource.Bitmap, SegmentSource> replace)
    {
        Dictionary<string, TrackingPoint>? points = null;
        foreach (TrackingPoint point in Points.Values)
        {
            SegmentSource[] sources = [.. point.Sources.Select(source => source is SegmentSource.Bitmap bitmap ? replace(bitmap) : source).Distinct()];
            if (!sources.SequenceEqual(point.Sources))
                (points ??= new Dictionary<string, TrackingPoint>(Points, StringComparer.Ordinal))[point.Id] = point with { Sources = sources };
        }

        return points is null ? this : this with { Points = points };
    }

    private DiskTracking Renamed(string pointId, string id)
    {
        var points = new Dictionary<string, TrackingPoint>(Points, StringComparer.Ordinal);
        points.Remove(pointId, out TrackingPoint? point);
        points.Add(id, point! with { Id = id });
        return this with
        {
            Points = points,
            Tips = Tips.ToDictionary(tip => tip.Key, tip => tip.Value.PointId == pointId ? tip.Value with { PointId = id } : tip.Value, StringComparer.Ordinal),
        };
    }
}
