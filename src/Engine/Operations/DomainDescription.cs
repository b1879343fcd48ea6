using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>Adds to what a machine is what is known of its moments.</summary>
internal static class DomainDescription
{
    public static VMDomain Complete(VMDomain domain, DomainPlace place, IOperationReport report)
    {
        DomainMoments state = new MomentStore(place.StateDirectory).Load(report.Failure).Of(domain.Disks.Select(disk => disk.Name));
        MomentTree tree = state.Tree(out _);
        ILookup<string, Moment> byDisk = tree.All.OrderBy(moment => moment.Created)
            .SelectMany(moment => moment.Disks.Where(disk => disk.Covered).Select(disk => (disk.Name, Moment: moment))).ToLookup(pair => pair.Name, pair => pair.Moment, StringComparer.Ordinal);
        return domain with
        {
            Current = tree.Current?.Name,
            Moments = tree.Count,
            Pending = Pending(place),
            Disks = [.. domain.Disks.Select(disk => disk with
            {
                Checkpoints = [.. byDisk[disk.Name].Where(moment => moment.Kind == MomentKind.Checkpoint).Select(moment => moment.Name)],
                Current = state.Disk(disk.Name).Current?.Name,
            })],
        };
    }

    // One that another process is at right now is not pending.
    private static string? Pending(DomainPlace place) =>
        Journal.Pending(place.StateDirectory) is [{ } first, ..] && !Files.FileLock.IsHeld(DomainLock.PathOf(place.StateDirectory))
            ? $"{first.Operation} of {first.Started.ToLocalTime():g}" : null;
}
