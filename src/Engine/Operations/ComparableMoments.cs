using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>Between which moments the metadata can tell what changed: on some disk a way leads from one to the other, and nothing on it is lost.</summary>
internal static class ComparableMoments
{
    /// <summary>Those that now can be compared with, on a disk that the domain has.</summary>
    public static HashSet<MomentKey> WithNow(DomainMoments state) =>
        Reached(state, disk => state.Present?.Contains(disk.Disk) != false ? disk.ActiveTip?.PointId : null);

    /// <summary>Those that a moment can be compared with, itself left out.</summary>
    public static HashSet<MomentKey> With(DomainMoments state, MomentKey moment)
    {
        HashSet<MomentKey> reached = Reached(state, disk => disk.PointOf(moment)?.Id);
        reached.Remove(moment);
        return reached;
    }

    /// <summary>Those that have a record on some disk, so that there may be something to compare them with.</summary>
    public static HashSet<MomentKey> Any(DomainMoments state) =>
        [.. state.Disks.Values.SelectMany(disk => disk.Points.Values).Select(point => point.Moment).OfType<MomentKey>()];

    private static HashSet<MomentKey> Reached(DomainMoments state, Func<DiskTracking, string?> start)
    {
        HashSet<MomentKey> found = [];
        foreach (DiskTracking disk in state.Disks.Values)
        {
            if (start(disk) is { } from)
                Walk(disk, from, found);
        }

        return found;
    }

    // Edges are gone in both directions: whatever differs between two points differs along some edge of the way.
    private static void Walk(DiskTracking disk, string from, HashSet<MomentKey> found)
    {
        ILookup<string, TrackingPoint> children = disk.Points.Values.Where(point => point.ParentId is not null && IsRecorded(point)).ToLookup(point => point.ParentId!, StringComparer.Ordinal);
        HashSet<string> seen = new(StringComparer.Ordinal) { from };
        var open = new Stack<string>(seen);
        while (open.TryPop(out string? id))
        {
            if (!disk.Points.TryGetValue(id, out TrackingPoint? point))
                continue;
            if (point.Moment is { } moment)
                found.Add(moment);
            foreach (TrackingPoint child in children[id])
                Reach(child.Id);
            if (point.ParentId is { } parent && IsRecorded(point))
                Reach(parent);
        }

        void Reach(string id)
        {
            if (seen.Add(id))
                open.Push(id);
        }
    }

    private static bool IsRecorded(TrackingPoint edge) => edge.Sources.Count > 0 && !edge.Sources.Any(source => source is SegmentSource.Lost);
}
