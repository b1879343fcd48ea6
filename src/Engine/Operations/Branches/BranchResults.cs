using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Branches;

/// <summary>Turns branches into what a user holds.</summary>
/// <param name="domain">The machine.</param>
/// <param name="state">All that is known of its moments.</param>
/// <param name="tree">Their tree.</param>
internal sealed class BranchResults(DomainDocument domain, DomainMoments state, MomentTree tree)
{
    public BranchResults(DomainDocument domain, DomainMoments state)
        : this(domain, state, state.Tree(out _))
    {
    }

    public VMBranch Of(Branch branch)
    {
        bool active = branch.Name == state.ActiveBranch;
        return new VMBranch
        {
            VM = domain.Name,
            Name = branch.Name,
            Start = branch.Start?.Name,
            Created = branch.Created,
            Active = active,
            Current = active ? tree.Current?.Name : Current(branch),
            State = active ? VMBranchState.Now : branch.Memory is not null ? VMBranchState.Memory : branch.Running ? VMBranchState.PowerCut : VMBranchState.Clean,
            Memory = branch.Memory,
            Description = branch.Description,
            Disks = [.. domain.Disks.Select(disk => Of(branch.Name, active, disk)).OfType<VMBranchDisk>()],
        };
    }

    // A disk that a branch has no tip of stays where it is when the machine goes there.
    private VMBranchDisk? Of(string branch, bool active, DomainDisk disk)
    {
        DiskTracking tracking = state.Disk(disk.Target);
        string at = active && !tracking.Tips.ContainsKey(branch) ? tracking.ActiveBranch : branch;
        if (!tracking.Tips.TryGetValue(at, out TrackingTip? tip))
            return active && disk.SourcePath is { } only ? new VMBranchDisk { Name = disk.Target, Path = only, Size = FileStamp.Of(only)?.Length } : null;
        string? path = tracking.Layers.GetValueOrDefault(tip.LayerId)?.Path;
        return new VMBranchDisk
        {
            Name = disk.Target,
            Branch = at,
            Path = path,
            Layer = tip.LayerId,
            Snapshot = tip.Saved,
            Current = tracking.NearestMoment(tip.PointId)?.Name,
            Size = path is null ? null : FileStamp.Of(path)?.Length,
        };
    }

    // Where its disks agree, as for the present state.
    private string? Current(Branch branch)
    {
        if (branch.Current is { } declared)
            return declared.Name;
        MomentKey[] nearest = [.. domain.Disks.Select(disk => state.Disk(disk.Target)).Where(disk => disk.Tips.ContainsKey(branch.Name))
            .Select(disk => disk.NearestMoment(disk.Tips[branch.Name].PointId)).OfType<MomentKey>().Distinct()];
        return nearest is [var one] ? one.Name : null;
    }
}
