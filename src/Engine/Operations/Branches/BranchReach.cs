using MomentTools.Moments;

namespace MomentTools.Operations.Branches;

/// <summary>The moments that a branch alone leads to, the oldest first. Pure.</summary>
/// <param name="Snapshots">The snapshots that only this branch descends from.</param>
/// <param name="Checkpoints">The checkpoints that only this branch descends from.</param>
internal sealed record BranchReach(IReadOnlyList<MomentKey> Snapshots, IReadOnlyList<MomentKey> Checkpoints)
{
    public static BranchReach Of(DomainMoments state, Branch branch)
    {
        HashSet<MomentKey> own = [], others = [];
        foreach (DiskTracking disk in state.Disks.Values)
            foreach ((string name, TrackingTip tip) in disk.Tips)
                (name == branch.Name ? own : others).UnionWith(disk.MomentsAbove(tip.PointId));
        // One that another branch leads to on one disk at least is not this one's to take.
        own.ExceptWith(others);
        MomentKey[] alone = [.. own.Where(state.Moments.ContainsKey).OrderBy(key => state.Moments[key].Created).ThenBy(key => key.Name, StringComparer.Ordinal)];
        return new BranchReach([.. alone.Where(key => key.Kind == MomentKind.Snapshot)], [.. alone.Where(key => key.Kind == MomentKind.Checkpoint)]);
    }
}
