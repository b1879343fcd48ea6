using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>Turns moments into what a user holds, with the state of each disk's bitmap as it was seen.</summary>
/// <param name="vm">The machine's name.</param>
/// <param name="state">All that is known of its moments.</param>
/// <param name="tree">The tree that the moments are of.</param>
/// <param name="seen">What is really on the disks; of those that are not in it nothing is said.</param>
/// <param name="segments">Where saved copies of closed bitmaps lie; null: they are taken to be there.</param>
internal sealed class MomentResults(
    string vm, DomainMoments state, MomentTree tree, IReadOnlyDictionary<string, ObservedLayer> seen, SegmentFile? segments = null)
{
    private readonly Dictionary<string, ILookup<string, TrackingPoint>> _children = state.Disks.Values.ToDictionary(
        disk => disk.Disk, disk => disk.Points.Values.Where(point => point.ParentId is not null).ToLookup(point => point.ParentId!, StringComparer.Ordinal), StringComparer.Ordinal);

    private readonly Dictionary<string, TrackingProof> _proofs = state.Disks.Values.Where(disk => seen.ContainsKey(disk.Disk))
        .ToDictionary(disk => disk.Disk, disk => new TrackingProof(disk, seen[disk.Disk]), StringComparer.Ordinal);

    // The points that each disk's present state descends from, and that itself.
    private readonly Dictionary<string, HashSet<string>> _present = new(StringComparer.Ordinal);

    private readonly Dictionary<string, bool> _saved = new(StringComparer.Ordinal);

    public VMMoment Of(Moment moment) => moment.Kind == MomentKind.Checkpoint ? Checkpoint(moment) : Snapshot(moment);

    public VMCheckpoint Checkpoint(Moment moment) => new()
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

    public VMSnapshot Snapshot(Moment moment)
    {
        var document = state.Moments.GetValueOrDefault(moment.Key)?.Document as SnapshotDocument;
        return new VMSnapshot
        {
            VM = vm,
            Name = moment.Name,
            Parent = moment.ParentName,
            Created = moment.Created,
            Current = tree.IsCurrent(moment),
            Description = moment.Description,
            Repository = state.Moments.GetValueOrDefault(moment.Key)?.Repository,
            State = document is not null ? document.State : moment.State is { } known ? SnapshotReading.Word(known) : null,
            Location = document is not null ? document.LocationText() : moment.Location?.ToString(),
            Memory = document?.Memory?.File,
            Disks = [.. moment.Disks.Select(disk => Of(moment, disk))],
        };
    }

    private VMMomentDisk Of(Moment moment, MomentDisk disk)
    {
        if (!disk.Covered)
            return new VMMomentDisk { Name = disk.Name, State = VMBitmapState.NotCovered };
        if (!moment.HasMetadata)
            return Foreign(moment, disk);
        DiskTracking tracking = state.Disk(disk.Name);
        TrackingPoint[] children = disk.PointId is { } id ? Edges(tracking, id) : [];
        string? bitmap = state.Moments[moment.Key].Document is CheckpointDocument document
            ? document.Disks.FirstOrDefault(entry => entry.Name == disk.Name)?.Bitmap ?? moment.Name
            : children.SelectMany(child => child.Sources).OfType<SegmentSource.Bitmap>().FirstOrDefault()?.Name;
        var result = new VMMomentDisk { Name = disk.Name, Bitmap = bitmap, Parent = tracking.NearestMoment(disk.ParentPointId)?.Name, State = VMBitmapState.Unknown };
        if (disk.PointId is { } own && tracking.Points.GetValueOrDefault(own)?.Altered is { } altered)
            return result with { Problem = altered };
        if (disk.PointId is null)
            return moment.Kind == MomentKind.Snapshot ? result : result with { State = VMBitmapState.Missing, Problem = "nothing was recorded since: only the description of this checkpoint is known" };
        if (!_proofs.TryGetValue(disk.Name, out TrackingProof? proof))
            return result;
        ObservedBitmap? observed = bitmap is null ? null : seen[disk.Name].Bitmaps.GetValueOrDefault(bitmap);
        string? problem = Problem(tracking, children, proof);
        return result with
        {
            Granularity = observed?.Granularity,
            State = observed switch
            {
                null => problem is null && children.Length > 0 ? VMBitmapState.Saved : VMBitmapState.Missing,
                { Inconsistent: true } => VMBitmapState.Inconsistent,
                { Recording: true } => VMBitmapState.Recording,
                _ => VMBitmapState.Closed,
            },
            Problem = problem,
        };
    }

    // An adopted moment has nothing below it: its bitmap leads to the point above.
    private TrackingPoint[] Edges(DiskTracking tracking, string pointId)
    {
        TrackingPoint[] below = _children.TryGetValue(tracking.Disk, out ILookup<string, TrackingPoint>? children) ? [.. children[pointId]] : [];
        // Of several branches the one that leads to the present state counts: what was written since.
        if (below.Length > 1 && below.FirstOrDefault(point => Present(tracking).Contains(point.Id)) is { } towards)
            return [towards];
        return below.Length == 0 && tracking.ActiveTip is not null && tracking.Points[pointId] is { ParentId: not null } leaf ? [leaf] : below;
    }

    private HashSet<string> Present(DiskTracking tracking)
    {
        if (_present.TryGetValue(tracking.Disk, out HashSet<string>? present))
            return present;
        _present[tracking.Disk] = present = new HashSet<string>(StringComparer.Ordinal);
        // The parents come from files: changed by hand they may lead in a circle.
        for (string? id = tracking.ActiveTip?.PointId; id is not null && present.Add(id);)
            id = tracking.Points.GetValueOrDefault(id)?.ParentId;
        return present;
    }

    private static VMMomentDisk Foreign(Moment moment, MomentDisk disk) => new()
    {
        Name = disk.Name,
        Bitmap = moment.Kind == MomentKind.Checkpoint ? moment.Name : null,
        State = VMBitmapState.Foreign,
        Problem = $"{(moment.Kind == MomentKind.Checkpoint ? "a bitmap" : "a snapshot")} in the image that no moment names",
    };

    // What begins at the moment is trouble only if nothing can stand in for it.
    private string? Problem(DiskTracking tracking, TrackingPoint[] children, TrackingProof proof)
    {
        if (children.Length == 0)
            return "nothing records any more what was written since";
        if (proof.Drift is { } drift && children.Any(proof.IsNow))
            return drift.Doubt;
        foreach (SegmentSource source in children.SelectMany(child => child.Sources))
        {
            string? problem = source switch
            {
                SegmentSource.Lost lost => lost.Reason,
                SegmentSource.Bitmap bitmap when IsElsewhere(tracking, bitmap) => null,
                SegmentSource.Bitmap bitmap => proof.WhyNot(bitmap) is { } doubt && !IsSaved(bitmap.SidecarId) ? doubt : null,
                SegmentSource.Sidecar { SidecarId: var id } => IsSaved(id) ? null : $"the saved copy '{id}' of its bitmap is gone",
                _ => null,
            };
            if (problem is not null)
                return problem;
        }

        return null;
    }

    // In the file of a layer that the machine has not open for writing: read when it is asked for, or recording when its branch goes on.
    private static bool IsElsewhere(DiskTracking tracking, SegmentSource.Bitmap bitmap) =>
        FrozenBitmap.Find(tracking, bitmap) is not null
        || (bitmap.LayerId != tracking.ActiveTip?.LayerId && tracking.Tips.Values.Any(tip => tip.LayerId == bitmap.LayerId && tip.Recording == bitmap.Name));

    private bool IsSaved(string? id)
    {
        if (id is null)
            return false;
        if (!_saved.TryGetValue(id, out bool saved))
            _saved[id] = saved = segments is null || File.Exists(segments.PathOf(id));
        return saved;
    }
}
