using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Moments;

internal sealed partial class MomentStore
{
    /// <summary>
    /// Reads what the next checkpoint needs, however many moments there are: the layers, the ghosts, the tips, and the one moment that they
    /// descend from. Of what is in no file that was read nothing is known then, so nothing of it can be written. The domain's lock must be held.
    /// </summary>
    /// <param name="present">The disks that the domain has.</param>
    /// <param name="fault">Told what is wrong with the files beside.</param>
    /// <returns>Null where that is not enough: a moment was declared current, the time of something kept is over, the disks descend from different ones, or something is odd.</returns>
    public DomainMoments? LoadTips(IReadOnlySet<string> present, Action<MomentException> fault)
    {
        List<MomentException> faults = [];
        StoredTracking tracking = ReadTracking(faults.Add);
        DomainMoments state = tracking.ToMoments();
        IReadOnlyDictionary<string, DiskTracking> disks = tracking.Disks;
        (string Disk, TrackingPoint Point, MomentKey Above)[] tips =
            [.. disks.Values.Where(disk => disk.ActiveTip is not null && present.Contains(disk.Disk)).Select(disk => (disk.Disk, disk.Points[disk.ActiveTip!.PointId], Above(disk, tracking)))];
        if (state.Current is not null || state.Kept.Any(kept => kept.Until <= DateTimeOffset.UtcNow) || tips.Select(tip => tip.Above).Distinct().ToArray() is not [var key] || !IsName(key) || !File.Exists(PathOf(key)))
            return null;
        if (TryRead(key) is not { } content)
            return null;
        IReadOnlyDictionary<string, TrackingPoint> own = content.Points;
        if (tips.Any(tip => own.GetValueOrDefault(tip.Disk)?.Id != tip.Point.ParentId) || own.Any(pair => disks.GetValueOrDefault(pair.Key)?.Points.ContainsKey(pair.Value.Id) != false))
            return null;
        faults.ForEach(fault);
        return state with
        {
            Present = present,
            Moments = new Dictionary<MomentKey, StoredMoment> { [key] = content.Moment },
            Disks = disks.Values.ToDictionary(
                disk => disk.Disk,
                disk => own.TryGetValue(disk.Disk, out TrackingPoint? point) ? disk with { Points = new Dictionary<string, TrackingPoint>(disk.Points, StringComparer.Ordinal) { [point.Id] = point } } : disk,
                StringComparer.Ordinal),
        };
    }

    // A checkpoint's bitmap bears its name, unless it was given up since; behind another one the branch's file says it. Both may be wrong: that
    // the moment's file has the point is what counts.
    private static MomentKey Above(DiskTracking disk, StoredTracking tracking) =>
        tracking.Nearest.GetValueOrDefault(disk.Disk) ?? new MomentKey(MomentKind.Checkpoint, disk.ActiveTip!.Recording);

    private static bool IsName(MomentKey key) => (key.Kind == MomentKind.Checkpoint ? MomentNames.CheckpointRule(key.Name) : MomentNames.SnapshotRule(key.Name)) is null;

    /// <summary>Whether a file of any kind of moment has this name.</summary>
    public bool IsTaken(string name) =>
        Path.Exists(PathOf(new MomentKey(MomentKind.Checkpoint, name))) || Path.Exists(PathOf(new MomentKey(MomentKind.Snapshot, name)));

    // What is broken, or gone, is told by whoever reads everything.
    private MomentFileContent? TryRead(MomentKey key)
    {
        try
        {
            return MomentFile.ReadHead(MomentFile.Heads(), PathOf(key), key);
        }
        catch (MomentException)
        {
            return null;
        }
    }
}
