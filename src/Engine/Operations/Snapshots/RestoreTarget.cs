using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Snapshots;

/// <summary>A snapshot that is to be gone back to: what of the machine it covers, and where its content lies.</summary>
/// <param name="Moment">The snapshot, whole.</param>
/// <param name="Internal">Whether its content lies inside the images that the machine works on.</param>
/// <param name="Covered">The machine's disks that go back.</param>
/// <param name="Uncovered">Those that stay as they are.</param>
/// <param name="Gone">Disks that it covers and that the machine has no more.</param>
/// <param name="Starts">For an external one each disk's point and the layer that froze with it.</param>
internal sealed record RestoreTarget(
    StoredMoment Moment, bool Internal, IReadOnlyList<string> Covered, IReadOnlyList<string> Uncovered, IReadOnlyList<string> Gone,
    IReadOnlyList<(string Disk, string PointId, TrackingLayer Layer)> Starts)
{
    public MomentKey Key => Moment.Key;

    public SnapshotDocument Document => (SnapshotDocument)Moment.Document;

    /// <summary>The file with its memory, or null: it has none, or inside an image.</summary>
    public string? MemoryFile => Document.Memory is { Mode: SnapshotMode.External, File: { } file } ? file : null;

    /// <exception cref="MomentException"><c>MomentNotFound</c>; <c>MomentIsCheckpoint</c>; <c>SnapshotContentUnknown</c>, <c>SnapshotContentMissing</c>.</exception>
    public static RestoreTarget Find(string vm, DomainDocument domain, DomainMoments state, MomentStore store, string name)
    {
        var key = new MomentKey(MomentKind.Snapshot, name);
        StoredMoment moment = state.Moments[state.Moments.ContainsKey(key) ? key : state.Tree(out _).Require(name).Key];
        if (moment.Document is not SnapshotDocument)
            throw RestoreErrors.IsCheckpoint(vm, name);
        moment = store.LoadWhole(moment);
        var document = (SnapshotDocument)moment.Document;
        string[] all = [.. document.Disks.Where(disk => disk.MeantMode is not (null or SnapshotMode.No)).Select(disk => disk.Name)];
        string[] covered = [.. domain.Disks.Select(disk => disk.Target).Where(disk => all.Contains(disk, StringComparer.Ordinal))];
        if (covered.Length == 0)
            throw RestoreErrors.ContentUnknown(vm, name, null, "it covers none of the disks that the machine has now");
        bool isInternal = InternalRestore.IsInternal(moment);
        return new RestoreTarget(
            moment, isInternal, covered,
            [.. domain.Disks.Where(disk => disk.SourcePath is not null && !disk.ReadOnly).Select(disk => disk.Target).Except(covered, StringComparer.Ordinal)], [.. all.Except(covered, StringComparer.Ordinal)],
            isInternal ? [] : [.. covered.Select(disk => Start(vm, state.Disk(disk), moment.Key))]);
    }

    private static (string, string, TrackingLayer) Start(string vm, DiskTracking tracking, MomentKey key)
    {
        if (tracking.PointOf(key) is not { } point)
            throw RestoreErrors.ContentUnknown(vm, key.Name, tracking.Disk, "it was not made here, and which image holds it is not recorded");
        TrackingLayer layer = tracking.Layers.Values.FirstOrDefault(layer => layer.FrozenTop == point.Id)
            ?? throw RestoreErrors.ContentUnknown(vm, key.Name, tracking.Disk, "no image is known that froze with it");
        return File.Exists(layer.Path) ? (tracking.Disk, point.Id, layer) : throw RestoreErrors.ContentMissing(vm, key.Name, tracking.Disk, layer.Path);
    }
}
