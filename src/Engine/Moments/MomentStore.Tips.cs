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
    /// <returns>Null where that is not enough: a moment was declared current, the disks descend from different ones, or something is odd.</returns>
    public DomainMoments? LoadTips(IReadOnlySet<string> present, Action<MomentException> fault)
    {
        (Dictionary<string, DiskTracking> disks, MomentKey? declared) = ReadTracking();
        (string Disk, TrackingPoint Point, string Recording)[] tips =
            [.. disks.Values.Where(disk => disk.ActiveTip is not null && present.Contains(disk.Disk)).Select(disk => (disk.Disk, disk.Points[disk.ActiveTip!.PointId], disk.ActiveTip.Recording))];
        // A checkpoint's bitmap bears its name, unless it was given up since; that the file has the point is what counts.
        string[] names = [.. tips.Select(tip => tip.Recording).Distinct(StringComparer.Ordinal)];
        if (declared is not null || names is not [var name] || MomentNames.CheckpointRule(name) is not null)
            return null;
        var key = new MomentKey(MomentKind.Checkpoint, name);
        if (!File.Exists(PathOf(key)))
            return null;
        if (TryRead(key) is not { } content)
            return null;
        IReadOnlyDictionary<string, TrackingPoint> own = content.Points;
        if (tips.Any(tip => own.GetValueOrDefault(tip.Disk)?.Id != tip.Point.ParentId) || own.Any(pair => disks.GetValueOrDefault(pair.Key)?.Points.ContainsKey(pair.Value.Id) != false))
            return null;
        foreach (MomentException second in SecondBranches())
            fault(second);
        return new DomainMoments
        {
            Present = present,
            Moments = new Dictionary<MomentKey, StoredMoment> { [key] = content.Moment },
            Disks = disks.Values.ToDictionary(
                disk => disk.Disk,
                disk => own.TryGetValue(disk.Disk, out TrackingPoint? point) ? disk with { Points = new Dictionary<string, TrackingPoint>(disk.Points, StringComparer.Ordinal) { [point.Id] = point } } : disk,
                StringComparer.Ordinal),
        };
    }

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
