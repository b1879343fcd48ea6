using MomentTools.Machines;
using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>What a moment records of the layers beneath a disk, so that from it on all is exact again; and the proof that it was so at its instant.</summary>
internal static class LayerAcceptance
{
    // A file system that tells fractions of a second ticks at least each 10 ms; one that does not, at least each 2 s.
    private const long Young = 10_000_000_000;
    private const int Attempts = 5;
    private static readonly TimeSpan FineTick = TimeSpan.FromMilliseconds(50), CoarseTick = TimeSpan.FromSeconds(2.1);

    /// <summary>
    /// The same look, but where layers are to be recorded their times have settled: a write that comes later gets another time. Two
    /// writes within one tick of the file system's clock have the same.
    /// </summary>
    /// <exception cref="Errors.MomentException"><c>LayerChanging</c>: a layer is being written all the time.</exception>
    public static async Task<IReadOnlyDictionary<string, ObservedLayer>> SettleAsync(
        DomainMoments state, IEnumerable<SessionDisk> disks, IReadOnlyDictionary<string, ObservedLayer> seen, CancellationToken cancellation)
    {
        var settled = new Dictionary<string, ObservedLayer>(seen, StringComparer.Ordinal);
        foreach (SessionDisk disk in disks)
        {
            DiskTracking tracking = state.Disk(disk.Name);
            ObservedLayer now = settled[disk.Name];
            for (int attempt = 0; now.Chain is { } chain && IsToBeRecorded(tracking, chain) && Tick(chain.Layers) is { } tick; attempt++)
            {
                await Task.Delay(tick, cancellation);
                IReadOnlyList<SeenLayer> again = await LayerReading.ChainAsync(tracking, disk, cancellation);
                now = now with { Chain = chain with { Layers = again } };
                if (Change(chain.Layers, again) is not { } change)
                    break;
                if (attempt == Attempts)
                    throw OperationErrors.BeingWritten(disk.Name, change.Path, change.Text);
            }

            settled[disk.Name] = now;
        }

        return settled;
    }

    /// <summary>Held against what was seen before the instant of a moment: the layers are still the same, so they were at the instant.</summary>
    /// <exception cref="Errors.MomentException"><c>LayerChanging</c>.</exception>
    public static async Task VerifyAsync(
        DomainMoments state, IEnumerable<SessionDisk> disks, IReadOnlyDictionary<string, ObservedLayer> seen, CancellationToken cancellation)
    {
        foreach (SessionDisk disk in disks)
            if (seen[disk.Name].Chain is { } chain
                && Change(chain.Layers, await LayerReading.ChainAsync(state.Disk(disk.Name), disk, cancellation)) is { } change)
                throw OperationErrors.BeingWritten(disk.Name, change.Path, change.Text);
    }

    /// <summary>
    /// The tracking with what the layers are now. A layer that was written under a program that has it open stays as it was recorded: what
    /// that program reads of it changes when it starts again, and that has to be noticed too. So does one that cannot be looked at.
    /// </summary>
    public static DiskTracking Accept(DiskTracking tracking, SeenChain chain)
    {
        IReadOnlyList<LayerDrift> drifts = LayerDrift.Find(tracking, chain.Layers);
        var layers = new Dictionary<string, TrackingLayer>(tracking.Layers, StringComparer.Ordinal);
        DiskTracking next = tracking;
        foreach ((TrackingLayer layer, int index) in LayerDrift.Recorded(tracking).Select((layer, index) => (layer, index)).Skip(1).Where(pair => pair.layer.FrozenTop is null))
            if (drifts.FirstOrDefault(drift => drift.LayerId == layer.Id) is { Kind: LayerDriftKind.Written } drift && chain.IsReadAsItIs(chain.Layers[index]))
            {
                layers[layer.Id] = layer with { Path = chain.Layers[index].Path, Facts = chain.Layers[index].Facts };
                next = LoseOthers(next, layer.Id, drift.Doubt);
            }

        return next with { Layers = layers };
    }

    /// <summary>Whether a moment taken now has to write down what the layers are.</summary>
    public static bool IsToBeRecorded(DiskTracking tracking, SeenChain chain) =>
        tracking.ActiveTip is not { } tip || tracking.Layers[tip.LayerId].Facts is null || LayerDrift.Find(tracking, chain.Layers).Count > 0;

    // The tips of other branches are read through the same layer; once it is accepted here, nothing would tell them.
    private static DiskTracking LoseOthers(DiskTracking tracking, string layerId, string doubt)
    {
        foreach (TrackingTip tip in tracking.Tips.Values.Where(tip => tip != tracking.ActiveTip && LayerDrift.Recorded(tracking, tip.LayerId).Any(layer => layer.Id == layerId)))
            tracking = tracking.WithSources(tip.PointId, [.. tracking.Points[tip.PointId].Sources, new SegmentSource.Lost(doubt)]);
        return tracking;
    }

    private static TimeSpan? Tick(IReadOnlyList<SeenLayer> chain)
    {
        long now = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * 100;
        long[] young = [.. chain.Skip(1).Select(layer => layer.Facts?.Modified).OfType<long>().Where(time => time > now - Young)];
        return young.Length == 0 ? null : young.Any(time => time % 1_000_000_000 == 0) ? CoarseTick : FineTick;
    }

    private static (string Path, string Text)? Change(IReadOnlyList<SeenLayer> before, IReadOnlyList<SeenLayer> after)
    {
        if (before.Count != after.Count)
            return (before[0].Path, "the chain of its layers is another one");
        for (int index = 0; index < before.Count; index++)
        {
            (SeenLayer then, SeenLayer now) = (before[index], after[index]);
            if (then.Facts is null)
                continue;
            if (now.Facts is null)
                return (now.Path, "it cannot be looked at any more");
            if (then.Path != now.Path || then.Facts.BackingFile != now.Facts.BackingFile || then.Facts.BackingFormat != now.Facts.BackingFormat)
                return (now.Path, "it stands on another image");
            if (index > 0 && LayerDrift.Difference(then.Facts, now.Facts) is { } difference)
                return (now.Path, difference);
        }

        return null;
    }
}
