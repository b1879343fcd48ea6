using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>Turns moments into what a user holds, with the state of each disk's bitmap as it was seen.</summary>
internal sealed class MomentResults(string vm, DomainMoments state, MomentTree tree, IReadOnlyDictionary<string, ObservedLayer> seen)
{
    private readonly Dictionary<string, ILookup<string, TrackingPoint>> _children = state.Disks.Values.ToDictionary(
        disk => disk.Disk, disk => disk.Points.Values.Where(point => point.ParentId is not null).ToLookup(point => point.ParentId!, StringComparer.Ordinal), StringComparer.Ordinal);

    private readonly Dictionary<string, TrackingProof> _proofs = state.Disks.Values.Where(disk => seen.ContainsKey(disk.Disk))
        .ToDictionary(disk => disk.Disk, disk => new TrackingProof(disk, seen[disk.Disk]), StringComparer.Ordinal);

    public VMCheckpoint Of(Moment moment) => new()
    {
        VM = vm,
        Name = moment.Name,
        Parent = moment.ParentName,
        Created = moment.HasMetadata ? moment.Created : null,
        Current = tree.IsCurrent(moment),
        Description = moment.Description,
        Repository = state.Moments.GetValueOrDefault(moment.Key)?.Repository,
        Group = state.Moments.GetValueOrDefault(moment.Key)?.Group,
        Disks = [.. moment.Disks.Select(disk => Of(moment, disk))],
    };

    private VMMomentDisk Of(Moment moment, MomentDisk disk)
    {
        if (!disk.Covered)
            return new VMMomentDisk { Name = disk.Name, State = VMBitmapState.NotCovered };
        if (!moment.HasMetadata)
            return new VMMomentDisk { Name = disk.Name, Bitmap = moment.Name, State = VMBitmapState.Foreign, Problem = "a bitmap in the image that no moment names" };
        DiskTracking tracking = state.Disk(disk.Name);
        string bitmap = (state.Moments[moment.Key].Document as CheckpointDocument)?.Disks.FirstOrDefault(entry => entry.Name == disk.Name)?.Bitmap ?? moment.Name;
        var result = new VMMomentDisk { Name = disk.Name, Bitmap = bitmap, Parent = tracking.NearestMoment(disk.ParentPointId)?.Name, State = VMBitmapState.Unknown };
        if (!_proofs.TryGetValue(disk.Name, out TrackingProof? proof))
            return result;
        ObservedBitmap? observed = seen[disk.Name].Bitmaps.GetValueOrDefault(bitmap);
        return result with
        {
            Granularity = observed?.Granularity,
            State = observed switch
            {
                null => VMBitmapState.Missing,
                { Inconsistent: true } => VMBitmapState.Inconsistent,
                { Recording: true } => VMBitmapState.Recording,
                _ => VMBitmapState.Closed,
            },
            Problem = Problem(_children[disk.Name][disk.PointId ?? ""], proof),
        };
    }

    // What begins at the moment is trouble only if nothing can stand in for it.
    private static string? Problem(IEnumerable<TrackingPoint> children, TrackingProof proof)
    {
        foreach (SegmentSource source in children.SelectMany(child => child.Sources))
        {
            switch (source)
            {
                case SegmentSource.Lost lost:
                    return lost.Reason;
                case SegmentSource.Bitmap { SidecarId: null } bitmap when proof.WhyNot(bitmap) is { } doubt:
                    return doubt;
            }
        }

        return null;
    }
}
