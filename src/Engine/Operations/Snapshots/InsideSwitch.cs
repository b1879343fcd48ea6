using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations.Snapshots;

/// <summary>A switch to a branch whose tips lie inside the images that the machine works on: <see cref="InternalRestore"/>, with what else is to change.</summary>
internal static class InsideSwitch
{
    public static async Task RunAsync(
        ChangeScope scope, DomainMoments prepared, string target, SwitchOptions options, IOperationReport report, CancellationToken cancellation)
    {
        DomainMoments before = scope.State;
        // What is prepared may have the same tips under other names.
        DiskTracking any = prepared.Disks.Values.First(disk => disk.Tips.ContainsKey(target));
        string name = before.Disk(any.Disk).Tips.First(tip => tip.Value.PointId == any.Tips[target].PointId).Key;
        await new InternalRestore(new DomainCatalogue(scope.Place.StateRoot, ""), scope, report).SwitchAsync(
            name,
            new InternalRestoreOptions
            {
                KeepMemory = options.KeepMemory,
                Goal = options.Running ? VMState.Running : options.Paused ? VMState.Paused : null,
                Decide = after => ReferenceEquals(prepared, before) ? after : Joined(before, prepared, after).Activate(target),
            },
            cancellation);
    }

    // What the switch did to the trees, under the names and with the moments of what was prepared.
    private static DomainMoments Joined(DomainMoments before, DomainMoments prepared, DomainMoments after)
    {
        DomainMoments next = prepared;
        foreach (DiskTracking disk in after.Disks.Values)
        {
            Dictionary<string, string> names = new(StringComparer.Ordinal);
            foreach ((string name, TrackingTip tip) in before.Disk(disk.Disk).Tips)
                if (prepared.Disk(disk.Disk).Tips.FirstOrDefault(other => other.Value.PointId == tip.PointId).Key is { } now)
                    names[name] = now;
            foreach ((string name, string now) in names)
                if (after.Branches.GetValueOrDefault(name) is { } branch)
                    next = next.With((next.Branches.GetValueOrDefault(now) ?? new Branch(now)) with { Running = branch.Running });
            next = next.With(disk with
            {
                Tips = disk.Tips.Where(tip => names.ContainsKey(tip.Key)).ToDictionary(tip => names[tip.Key], tip => tip.Value, StringComparer.Ordinal),
                ActiveBranch = names.GetValueOrDefault(disk.ActiveBranch, disk.ActiveBranch),
                Points = disk.Points.ToDictionary(
                    point => point.Key,
                    point => prepared.Disk(disk.Disk).Points.GetValueOrDefault(point.Key) is { } other ? point.Value with { Moment = other.Moment, Kept = other.Kept } : point.Value, StringComparer.Ordinal),
            });
        }

        return next;
    }
}
