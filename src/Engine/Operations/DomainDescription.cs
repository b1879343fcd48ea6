using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>Adds to what a machine is what is known of its moments.</summary>
internal static class DomainDescription
{
    /// <param name="domain">What is known of the machine itself.</param>
    /// <param name="place">Where its files are.</param>
    /// <param name="document">Its definition.</param>
    /// <param name="report">Where is told what cannot be read.</param>
    /// <param name="cancellation">Stops the look at the disks.</param>
    public static async Task<VMDomain> CompleteAsync(VMDomain domain, DomainPlace place, DomainDocument document, IOperationReport report, CancellationToken cancellation)
    {
        ILookup<string, Uri> served = await DiskExports.OfAsync(place, document, report, cancellation);
        domain = domain with { Disks = [.. domain.Disks.Select(disk => disk with { Exports = [.. served[disk.Name]] })] };
        DomainMoments state;
        try
        {
            state = new MomentStore(place.StateDirectory).Load(report.Failure).Of(domain.Disks.Select(disk => disk.Name));
        }
        catch (MomentException failure)
        {
            // What the machine is and does can be told without its moments.
            report.Failure(failure);
            return domain with { Pending = Pending(place) };
        }

        MomentTree tree = state.Tree(out _);
        ILookup<string, Moment> byDisk = tree.All.OrderBy(moment => moment.Created)
            .SelectMany(moment => moment.Disks.Where(disk => disk.Covered).Select(disk => (disk.Name, Moment: moment))).ToLookup(pair => pair.Name, pair => pair.Moment, StringComparer.Ordinal);
        // A machine that does not answer was told already.
        IReadOnlyDictionary<string, ObservedLayer> seen = domain.State == VMState.Unknown
            ? new Dictionary<string, ObservedLayer>(StringComparer.Ordinal) : await MomentListing.LookAsync(place, document, state, report, cancellation);
        return domain with
        {
            Current = tree.Current?.Name,
            Branch = state.ActiveBranch,
            Moments = tree.Count,
            Pending = Pending(place),
            Disks = [.. domain.Disks.Select(disk => (Disk: disk, State: DiskTrackingWords.Of(disk, state.Disk(disk.Name), seen.GetValueOrDefault(disk.Name)))).Select(pair => pair.Disk with
            {
                Tracking = pair.State.Tracking,
                TrackingReason = pair.State.Text,
                Checkpoints = [.. byDisk[pair.Disk.Name].Where(moment => moment.Kind == MomentKind.Checkpoint).Select(moment => moment.Name)],
                Current = state.Disk(pair.Disk.Name).Current?.Name,
            })],
        };
    }

    // One that another process is at right now is not pending.
    private static string? Pending(DomainPlace place) =>
        Journal.Pending(place.StateDirectory) is [{ } first, ..] && !Files.FileLock.IsHeld(DomainLock.PathOf(place.StateDirectory))
            ? $"{first.Operation} of {first.Started.ToLocalTime():yyyy-MM-dd HH:mm}" : null;
}
