using MomentTools.Files;
using MomentTools.Moments;

namespace MomentTools.Operations.Branches;

/// <summary>What a branch alone leads to: the moments that would have no branch above them any more, and the files that nothing else needs. Pure, but for the files' sizes.</summary>
/// <param name="Snapshots">The snapshots that only this branch descends from.</param>
/// <param name="Checkpoints">The checkpoints that only this branch descends from.</param>
/// <param name="Files">The images that hold nothing but its tip and those snapshots, and the memory of its tip.</param>
internal sealed record BranchReach(IReadOnlyList<MomentKey> Snapshots, IReadOnlyList<MomentKey> Checkpoints, IReadOnlyList<string> Files)
{
    /// <summary>The files' bytes.</summary>
    public long Bytes => Files.Sum(path => FileStamp.Of(path)?.Length ?? 0);

    public static BranchReach Of(DomainMoments state, Branch branch)
    {
        HashSet<MomentKey> own = [], others = [];
        List<string> files = [];
        foreach (DiskTracking disk in state.Disks.Values)
        {
            // What is kept aside stands for itself: it is let go, or comes back, without this branch.
            var shared = disk.Tips.Where(tip => tip.Key != branch.Name).SelectMany(tip => Above(disk, tip.Value.PointId)).ToHashSet(StringComparer.Ordinal);
            foreach (TrackingPoint point in disk.Points.Values.Where(point => shared.Contains(point.Id)))
                if (point.Moment is { } moment)
                    others.Add(moment);
            if (!disk.Tips.TryGetValue(branch.Name, out TrackingTip? tip))
                continue;
            var alone = Above(disk, tip.PointId).Where(id => !shared.Contains(id)).ToHashSet(StringComparer.Ordinal);
            own.UnionWith(alone.Select(id => disk.Points[id].Moment).OfType<MomentKey>());
            files.AddRange(Images(disk, tip, alone));
        }

        own.ExceptWith(others);
        MomentKey[] lost = [.. own.Where(state.Moments.ContainsKey).OrderBy(key => state.Moments[key].Created)];
        if (branch.Memory is { } memory && IsOnly(state, branch, memory))
            files.Add(memory);
        return new BranchReach(
            [.. lost.Where(key => key.Kind == MomentKind.Snapshot)], [.. lost.Where(key => key.Kind == MomentKind.Checkpoint)], files);
    }

    // The images that we made whose every point is the branch's own, and on which nothing else stands.
    private static IEnumerable<string> Images(DiskTracking disk, TrackingTip tip, HashSet<string> alone)
    {
        if (tip.Saved is not null)
            yield break;
        HashSet<string> going = new(StringComparer.Ordinal);
        int steps = 0;
        for (string? id = tip.LayerId; id is not null && disk.Layers.TryGetValue(id, out TrackingLayer? layer) && steps++ <= disk.Layers.Count; id = layer.BackingId)
        {
            bool ours = layer.Made
                && disk.Points.Values.Where(point => point.LayerId == id).All(point => alone.Contains(point.Id))
                && disk.ChildrenOf(id).All(child => going.Contains(child.Id));
            if (!ours)
                yield break;
            going.Add(id);
            yield return layer.Path;
        }
    }

    // A memory file may be a snapshot's, or another branch's that began at the same snapshot.
    private static bool IsOnly(DomainMoments state, Branch branch, string memory) =>
        state.Branches.Values.All(other => other.Name == branch.Name || other.Memory != memory)
        && state.Moments.Values.All(moment => (moment.Document as Xml.SnapshotDocument)?.Memory?.File != memory);

    private static IEnumerable<string> Above(DiskTracking disk, string pointId)
    {
        // The parents come from files: changed by hand they may lead in a circle.
        int steps = 0;
        for (string? id = pointId; id is not null && disk.Points.TryGetValue(id, out TrackingPoint? point) && steps++ <= disk.Points.Count; id = point.ParentId)
            yield return id;
    }
}
