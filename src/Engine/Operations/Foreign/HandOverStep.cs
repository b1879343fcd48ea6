using MomentTools.Blocks;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qmp;

namespace MomentTools.Operations.Foreign;

/// <summary>
/// What handing over means for one disk: libvirt wants each checkpoint's bitmap to have recorded from the checkpoint until now, and to record
/// on. So each gets what lies between it and the next checkpoint towards the present, and all that one has.
/// </summary>
internal sealed class HandOverStep
{
    private readonly List<Target> _targets = [];
    private readonly List<string> _problems = [];
    private readonly SessionDisk _disk;
    private readonly ObservedLayer _seen;

    private HandOverStep(DiskTracking tracking, SessionDisk disk, ObservedLayer seen)
    {
        _disk = disk;
        _seen = seen;
        var owner = new BitmapOwner(tracking);
        Removed = [.. seen.Bitmaps.Values.Where(bitmap => !bitmap.Busy && (owner.Of(seen.Path, bitmap.Name) is not null || bitmap.Name.StartsWith(MomentIds.BitmapPrefix, StringComparison.Ordinal)))
            .Select(bitmap => bitmap.Name).Where(name => !tracking.Points.Values.Any(point => point.Moment?.Name == name))];
        Marker = tracking.ActiveTip?.Marker ?? "";
    }

    public string Disk => _disk.Name;

    /// <summary>Why it is impossible.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>The bitmaps that record for libvirt once the transaction happened.</summary>
    public IEnumerable<string> Bitmaps => _targets.Select(target => target.Name);

    /// <summary>The mark of our tip, which is gone then.</summary>
    public string Marker { get; }

    /// <summary>Bitmaps of ours that are of no use to libvirt.</summary>
    public IReadOnlyList<string> Removed { get; }

    /// <summary>Bitmaps that bear a checkpoint's name and prove nothing: they make room first.</summary>
    public IEnumerable<string> Broken => _targets.Where(target => target.Replaces).Select(target => target.Name);

    /// <summary>What has to be written as bitmaps first, in the order of <see cref="Actions"/>.</summary>
    public IEnumerable<(string Disk, ExtentMap Blocks)> Authored => _targets.Where(target => target.Saved.Count > 0).Select(target => (Disk, target.Saved));

    public static async Task<HandOverStep> MakeAsync(DiskTracking tracking, SessionDisk disk, ObservedLayer seen, SegmentFile segments, CancellationToken cancellation)
    {
        var step = new HandOverStep(tracking, disk, seen);
        if (tracking.ActiveTip is not { } tip)
        {
            step._problems.Add($"nothing is recorded on disk '{disk.Name}' any more");
            return step;
        }

        // Towards the present first: who is farther takes over what those nearer have.
        foreach ((TrackingPoint point, _) in tracking.Points.Values.Where(point => point.Moment is { Kind: MomentKind.Checkpoint })
            .Select(point => (point, Way: tracking.Path(point.Id, tip.PointId)?.Count ?? int.MaxValue)).OrderBy(one => one.Way))
            await step.AddAsync(tracking, tip, point, segments, cancellation);
        return step;
    }

    /// <summary>Opens first, then merges, then removes: a write between two actions is seen by both.</summary>
    /// <param name="authored">The bitmaps of <see cref="Authored"/>.</param>
    public IEnumerable<TransactionAction> Actions(IEnumerable<BitmapRef> authored)
    {
        string node = _disk.NodeName;
        foreach (Target target in _targets)
            yield return target.Exists ? TransactionAction.BitmapEnable(node, target.Name) : TransactionAction.BitmapAdd(node, target.Name, persistent: true, TrackingProof.Granularity);
        using IEnumerator<BitmapRef> written = authored.GetEnumerator();
        foreach (Target target in _targets)
        {
            List<BitmapRef> sources = [.. target.Sources.Where(name => name != target.Name).Select(name => new BitmapRef(node, name))];
            if (target.Saved.Count > 0 && written.MoveNext())
                sources.Add(written.Current);
            if (sources.Count > 0)
                yield return TransactionAction.BitmapMerge(node, target.Name, sources);
        }

        foreach (string name in Removed)
            yield return TransactionAction.BitmapRemove(node, name);
    }

    private async Task AddAsync(DiskTracking tracking, TrackingTip tip, TrackingPoint point, SegmentFile segments, CancellationToken cancellation)
    {
        string name = point.Moment!.Name;
        TrackingPoint? next = Next(tracking, point, tip);
        ChangePath path;
        try
        {
            path = ChangePath.Between(tracking, point.Id, next?.Id ?? tip.PointId, _seen, segments, savedFirst: false);
        }
        catch (Errors.MomentException failure) when (failure.ErrorId == MomentErrors.SegmentUnreadable)
        {
            _problems.Add($"what changed on disk '{Disk}' since '{name}' is not known ({failure.Message.TrimEnd('.')})");
            return;
        }

        ExtentMap saved = path.Saved;
        string? doubt = path.Doubt;
        foreach (FrozenBitmap frozen in doubt is null ? path.Frozen : [])
        {
            (ExtentMap more, string? why) = await frozen.ReadAsync(path.Size, cancellation);
            saved = saved.Union(more);
            doubt ??= why;
        }

        if (doubt is null && next is not null && !_targets.Exists(target => target.Name == next.Moment!.Name))
            doubt = $"'{next.Moment!.Name}' lies between";
        ObservedBitmap? there = _seen.Bitmaps.GetValueOrDefault(name);
        if (doubt is not null)
            _problems.Add($"what changed on disk '{Disk}' since '{name}' is not known, because {doubt}");
        else if (there is { Busy: true })
            _problems.Add($"the bitmap '{name}' of disk '{Disk}' is used by a job or an export in QEMU");
        else if (there is not null && new BitmapOwner(tracking).Of(_seen.Path, name) != name)
            _problems.Add($"disk '{Disk}' has a foreign bitmap '{name}' in the place of that of the checkpoint");
        else
            _targets.Add(new Target(
                name, there is { Inconsistent: false, Persistent: true }, there is { Inconsistent: true } or { Persistent: false },
                next is null ? path.Bitmaps : [.. path.Bitmaps, next.Moment!.Name], saved.Clip(_disk.VirtualSize)));
    }

    // The next checkpoint on the way to the present, or null.
    private static TrackingPoint? Next(DiskTracking tracking, TrackingPoint from, TrackingTip tip)
    {
        string at = from.Id;
        foreach (TrackingPoint edge in tracking.Path(from.Id, tip.PointId) ?? [])
        {
            at = edge.Id == at ? edge.ParentId! : edge.Id;
            if (tracking.Points[at].Moment is { Kind: MomentKind.Checkpoint })
                return tracking.Points[at];
        }

        return null;
    }

    /// <param name="Name">The checkpoint's name.</param>
    /// <param name="Exists">Whether the bitmap is there and its bits count.</param>
    /// <param name="Replaces">Whether a bitmap of that name has to go first.</param>
    /// <param name="Sources">The bitmaps that are merged into it.</param>
    /// <param name="Saved">What only sidecars and frozen layers hold.</param>
    private sealed record Target(string Name, bool Exists, bool Replaces, IReadOnlyList<string> Sources, ExtentMap Saved);
}
