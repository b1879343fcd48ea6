using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations.Snapshots;

/// <summary>What going back to a snapshot leaves behind: named things that nothing leads to any more, and how much was written in no snapshot.</summary>
internal static class RestoreLosses
{
    /// <summary>
    /// The snapshots inside the images that are left, and the branches whose tips are inside them: they can only be loaded while their image is
    /// the one that is written to. What a layer froze stays where it is, whatever is restored.
    /// </summary>
    /// <param name="state">The moments.</param>
    /// <param name="target">The snapshot.</param>
    /// <param name="branch">The branch whose tips are left.</param>
    public static (IReadOnlyList<MomentKey> Moments, IReadOnlyList<string> Branches) Named(DomainMoments state, RestoreTarget target, string branch)
    {
        var inside = InsideImages.Of(state, target.Starts.Select(start => start.Disk), branch);
        return (inside.Moments, inside.Branches);
    }

    /// <summary>The bytes written on a disk since the last snapshot that its present state descends from; null where they are not known.</summary>
    public static async Task<long?> WrittenAsync(EngineContext context, string vm, DiskTracking disk, IOperationReport report, CancellationToken cancellation)
    {
        if (LastSnapshot(disk) is not { } last)
            return null;
        try
        {
            return (await new ChangedBlocks(context).RunAsync(vm, last.ToString(), [disk.Disk], withKinds: false, report, cancellation)).Sum(changes => changes.Blocks.TotalLength);
        }
        catch (MomentException unknown) when (unknown.ErrorId == OperationErrors.ChangesUnknown)
        {
            return null;
        }
    }

    /// <summary>The last snapshot that a disk's present state descends from, or null.</summary>
    public static MomentKey? LastSnapshot(DiskTracking disk) => disk.MomentsAbove(disk.ActiveTip?.PointId).FirstOrDefault(moment => moment.Kind == MomentKind.Snapshot);
}
