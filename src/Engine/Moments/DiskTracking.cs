namespace MomentTools.Moments;

/// <summary>
/// The tree of one disk: points, edges as lists of sources, layers, tips. Immutable and pure; the rules are those of change
/// tracking in docs/architecture.md. Correct edges make every answer large enough; the right tree makes it tight.
/// </summary>
internal sealed partial record DiskTracking
{
    public const string MainBranch = "main";

    public required string Disk { get; init; }

    public IReadOnlyDictionary<string, TrackingPoint> Points { get; init; } = new Dictionary<string, TrackingPoint>(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, TrackingLayer> Layers { get; init; } = new Dictionary<string, TrackingLayer>(StringComparer.Ordinal);

    /// <summary>The tip of each branch.</summary>
    public IReadOnlyDictionary<string, TrackingTip> Tips { get; init; } = new Dictionary<string, TrackingTip>(StringComparer.Ordinal);

    public string ActiveBranch { get; init; } = MainBranch;

    /// <summary>The tip that the machine writes to, or null: nothing is recorded.</summary>
    public TrackingTip? ActiveTip => Tips.GetValueOrDefault(ActiveBranch);

    /// <summary>The point of a moment on this disk, or null where the moment does not cover it.</summary>
    public TrackingPoint? PointOf(MomentKey moment) => Points.Values.FirstOrDefault(point => point.Moment == moment);

    /// <summary>The nearest moment at or above a point; null where there is none.</summary>
    public MomentKey? NearestMoment(string? pointId) => MomentsAbove(pointId).FirstOrDefault();

    /// <summary>The moments at or above a point, the nearest first.</summary>
    public IEnumerable<MomentKey> MomentsAbove(string? pointId) => Line(pointId).Select(point => point.Moment).OfType<MomentKey>();

    /// <summary>The moment that the present content descends from, or null.</summary>
    public MomentKey? Current => NearestMoment(ActiveTip?.PointId);

    /// <summary>
    /// A checkpoint: the tip's point becomes the moment's, and a new tip follows whose edge the opened bitmap records.
    /// </summary>
    /// <param name="moment">The moment.</param>
    /// <param name="layer">The active layer.</param>
    /// <param name="size">The virtual size in bytes.</param>
    /// <param name="closed">The sources of the edge that now closes, as far as they were proven; ignored where nothing recorded yet.</param>
    /// <param name="opened">The bitmap that records from now on.</param>
    /// <param name="newPoint">A new id for the moment's point where there was no tip.</param>
    /// <param name="newTip">A new id for the tip.</param>
    /// <param name="floor">The smallest size in bytes that the disk is known to have had since the last moment.</param>
    public DiskTracking Checkpoint(
        MomentKey moment, TrackingLayer layer, long size, IReadOnlyList<SegmentSource> closed, string opened, string newPoint, string newTip, long floor = long.MaxValue)
    {
        TrackingPoint point = Closed(moment, layer, size, closed, newPoint, floor);
        return (this with { Points = With(Points, point.Id, point), Layers = With(Layers, layer.Id, layer) }).Recording(point.Id, layer, size, opened, newTip);
    }

    /// <summary>
    /// Bitmaps of another program, each of which recorded from a moment until now, become edges: the tip's point becomes a nameless one, from
    /// which these moments hang as leaves beside the new tip.
    /// </summary>
    /// <param name="leaves">The moments' points, each with what its bitmap recorded; their parent is set here.</param>
    /// <inheritdoc cref="Checkpoint"/>
    public DiskTracking Adopt(
        IEnumerable<TrackingPoint> leaves, TrackingLayer layer, long size, IReadOnlyList<SegmentSource> closed, string opened, string newPoint, string newTip, long floor = long.MaxValue)
    {
        TrackingPoint point = Closed(null, layer, size, closed, newPoint, floor);
        var points = new Dictionary<string, TrackingPoint>(Points, StringComparer.Ordinal) { [point.Id] = point };
        foreach (TrackingPoint leaf in leaves)
            points.Add(leaf.Id, leaf with { ParentId = point.Id });
        return (this with { Points = points, Layers = With(Layers, layer.Id, layer) }).Recording(point.Id, layer, size, opened, newTip);
    }

    /// <summary>The tree without a moment's point; see <see cref="Remove(IEnumerable{MomentKey})"/>.</summary>
    public DiskTracking Remove(string pointId) => Without([pointId]);

    /// <summary>
    /// Takes moments' points out and joins the edges; a point with several children stays as a nameless ghost. A tip left without a parent
    /// has no history: it goes too, and the disk is untracked again.
    /// </summary>
    public DiskTracking Remove(IEnumerable<MomentKey> moments)
    {
        HashSet<MomentKey> gone = [.. moments];
        return Without([.. Points.Values.Where(point => point.Moment is { } moment && gone.Contains(moment)).Select(point => point.Id)]);
    }

    /// <summary>The same tree with other sources on the edge to a point.</summary>
    public DiskTracking WithSources(string pointId, IReadOnlyList<SegmentSource> sources) =>
        this with { Points = With(Points, pointId, Points[pointId] with { Sources = sources }) };

    /// <summary>The same tree, where it is known which snapshot inside the image is a moment's.</summary>
    public DiskTracking WithInside(MomentKey moment, string identity) =>
        PointOf(moment) is { } point ? this with { Points = With(Points, point.Id, point with { Inside = identity }) } : this;

    /// <summary>The same tree with a layer known under another path.</summary>
    public DiskTracking WithLayer(TrackingLayer layer) => this with { Layers = With(Layers, layer.Id, layer) };

    /// <summary>The same tree with another bitmap recording at the active tip.</summary>
    public DiskTracking WithRecording(string bitmap) => this with { Tips = With(Tips, ActiveBranch, ActiveTip! with { Recording = bitmap }) };

    /// <summary>The same tree with the active tip's point under another id: its bitmaps were edited, and the image is marked anew.</summary>
    public DiskTracking WithTipPoint(string id) => Renamed(ActiveTip!.PointId, id);

    /// <summary>The same tree with its active tip on another image, of which nothing is known: what was recorded last is lost.</summary>
    public DiskTracking Elsewhere(TrackingLayer layer, string reason)
    {
        TrackingTip tip = ActiveTip!;
        TrackingPoint point = Points[tip.PointId];
        SegmentSource[] sources = [.. point.Sources.Where(source => source is not SegmentSource.Bitmap bitmap || bitmap.LayerId != tip.LayerId || bitmap.Name != tip.Recording).Append(new SegmentSource.Lost(reason))];
        return this with
        {
            Layers = With(Layers, layer.Id, layer),
            Points = With(Points, point.Id, point with { LayerId = layer.Id, Sources = sources }),
            Tips = With(Tips, ActiveBranch, tip with { LayerId = layer.Id }),
        };
    }

    /// <summary>The edges, each named by its lower point, that lead from one point to another; null where they have no common root, or their parents lead in a circle.</summary>
    public IReadOnlyList<TrackingPoint>? Path(string from, string to)
    {
        List<TrackingPoint> up = [.. Line(from)], down = [.. Line(to)];
        if (up.Count > Points.Count || down.Count > Points.Count)
            return null;
        var above = up.Select((point, index) => (point.Id, index)).ToDictionary(pair => pair.Id, pair => pair.index, StringComparer.Ordinal);
        int meeting = down.FindIndex(point => above.ContainsKey(point.Id));
        return meeting < 0 ? null : [.. up.Take(above[down[meeting].Id]), .. down.Take(meeting).Reverse()];
    }

    /// <summary>How many edges refer to each bitmap of a layer; one with several referring edges is never merged or removed.</summary>
    public IReadOnlyDictionary<string, int> References(string layerId) =>
        Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>().Where(source => source.LayerId == layerId)
            .GroupBy(source => source.Name, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);

    private DiskTracking Without(string[] pointIds)
    {
        if (pointIds.Length == 0)
            return this;
        var splice = new TrackingSplice(Points);
        foreach (string id in pointIds)
            splice.Remove(id);
        return Spliced(splice, Tips);
    }

    // A tip without a parent has no history. Of a branch that is not active it says all the same which image is the branch's.
    private DiskTracking Spliced(TrackingSplice splice, IEnumerable<KeyValuePair<string, TrackingTip>> tips)
    {
        Dictionary<string, TrackingTip> stay = tips.Where(tip => splice.Points.ContainsKey(tip.Value.PointId)).ToDictionary(StringComparer.Ordinal);
        if (stay.GetValueOrDefault(ActiveBranch) is { } active && splice.Points.GetValueOrDefault(active.PointId)?.ParentId is null)
        {
            splice.RemoveTip(active.PointId);
            stay.Remove(ActiveBranch);
        }

        DiskTracking next = this with { Points = splice.Points, Tips = stay };
        // It goes on recording there: its bitmap is in use.
        foreach (TrackingTip tip in stay.Values)
            if (tip.Saved is null && next.Points[tip.PointId] is { ParentId: null, Sources.Count: 0 })
                next = next.WithSources(tip.PointId, [new SegmentSource.Bitmap(tip.LayerId, tip.Recording, null)]);
        return next;
    }

    // The tip's point as it is when its edge closes, or a first one.
    private TrackingPoint Closed(MomentKey? moment, TrackingLayer layer, long size, IReadOnlyList<SegmentSource> closed, string newPoint, long floor) =>
        ActiveTip is { } tip
            ? Points[tip.PointId] with { Moment = moment, Size = size, Flushed = true, Sources = closed, Floor = Math.Min(Math.Min(Points[tip.PointId].Floor, floor), size) }
            : new TrackingPoint(newPoint, null, [], size, size, layer.Id, Flushed: true, moment);

    private DiskTracking Recording(string from, TrackingLayer layer, long size, string opened, string newTip) => this with
    {
        Points = With(Points, newTip, RecordingPoint(newTip, from, layer.Id, size, opened)),
        Tips = With(Tips, ActiveBranch, new TrackingTip(newTip, layer.Id, opened)),
    };

    // A point and those above it. More than there are: the parents, which come from files, lead in a circle.
    private IEnumerable<TrackingPoint> Line(string? pointId)
    {
        int steps = 0;
        for (string? id = pointId; id is not null && Points.TryGetValue(id, out TrackingPoint? point) && steps++ <= Points.Count; id = point.ParentId)
            yield return point;
    }

    private static Dictionary<string, T> With<T>(IReadOnlyDictionary<string, T> map, string key, T value) =>
        new(map, StringComparer.Ordinal) { [key] = value };
}
