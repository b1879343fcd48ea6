using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Branches;

/// <summary>Where a branch begins on one disk.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="PointId">The snapshot's point in its tree.</param>
/// <param name="Layer">The image that holds the snapshot's content.</param>
/// <param name="Tag">The internal snapshot in that image, or null: the image as a whole is the content, and frozen.</param>
internal sealed record BranchStart(string Disk, string PointId, TrackingLayer Layer, string? Tag)
{
    /// <summary>The snapshot that a name means; a checkpoint of the same name is not meant.</summary>
    /// <exception cref="Errors.MomentException"><c>MomentNotFound</c>, with names that are near.</exception>
    public static MomentKey Require(DomainMoments state, string name)
    {
        var key = new MomentKey(MomentKind.Snapshot, name);
        return state.Moments.ContainsKey(key) ? key : state.Tree(out _).Require(name).Key;
    }

    /// <summary>One for each disk that the snapshot covers and the machine has.</summary>
    /// <exception cref="Errors.MomentException"><c>BranchStartUnknown</c>: it is not recorded where the content lies, or that was written since.</exception>
    public static IReadOnlyList<BranchStart> Find(DomainDocument domain, DomainMoments state, StoredMoment snapshot, string branch)
    {
        if (snapshot.Document is not SnapshotDocument document)
            throw BranchErrors.NotASnapshot(domain.Name, branch, snapshot.Key);
        List<BranchStart> starts = [];
        foreach (SnapshotDisk disk in document.Disks.Where(disk => disk.MeantMode is not (null or SnapshotMode.No) && domain.FindDisk(disk.Name) is not null))
            starts.Add(Of(domain, state.Disk(disk.Name), snapshot.Key, disk, branch));
        return starts.Count > 0 ? starts
            : throw BranchErrors.StartUnknown(domain.Name, branch, snapshot.Key, document.Disks is [var first, ..] ? first.Name : "", "the snapshot covers none of the disks that the machine has now");
    }

    private static BranchStart Of(DomainDocument domain, DiskTracking tracking, MomentKey snapshot, SnapshotDisk disk, string branch)
    {
        if (tracking.PointOf(snapshot) is not { } point)
            throw BranchErrors.StartUnknown(domain.Name, branch, snapshot, disk.Name, "it was not made here");
        if (disk.MeantMode is SnapshotMode.Internal)
            return new BranchStart(disk.Name, point.Id, tracking.LayerOf(point.Id), snapshot.Name);
        TrackingLayer layer = tracking.Layers.Values.FirstOrDefault(layer => layer.FrozenTop == point.Id)
            ?? throw BranchErrors.StartUnknown(domain.Name, branch, snapshot, disk.Name, "no image is known that froze then");
        if (!File.Exists(layer.Path))
            throw BranchErrors.StartUnknown(domain.Name, branch, snapshot, disk.Name, $"its image '{layer.Path}' is gone");
        return new BranchStart(disk.Name, point.Id, layer, null);
    }
}
