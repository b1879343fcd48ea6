using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>
/// Which sources make up what changed on a disk between two points of its tree, each proven at this moment: sidecars, bitmaps on the
/// active layer and on frozen ones, and the range that a change of size makes unknown. Whatever differs between the ends differs along
/// some edge of the way, in whichever direction it is gone. Pure, but for reading sidecars.
/// </summary>
/// <param name="Bitmaps">The proven bitmaps on the active layer, by name.</param>
/// <param name="Frozen">Bitmaps on layers that the machine does not write to, which are proven when they are read.</param>
/// <param name="Saved">What the sidecars hold, and what a resize changed.</param>
/// <param name="Size">Where the answer ends: the larger of the sizes at both ends in bytes, or the size now where the disk's present state is one of them.</param>
/// <param name="Doubt">Why the answer is unknown, or null.</param>
internal sealed record ChangePath(IReadOnlyList<string> Bitmaps, IReadOnlyList<FrozenBitmap> Frozen, ExtentMap Saved, long Size, string? Doubt)
{
    /// <summary>Whether the answer is only unknown because the active layer was not looked at.</summary>
    public bool NeedsActiveLayer { get; private init; }

    /// <summary>From a moment to now, out of bitmaps wherever they are proven: what a job of QEMU can use.</summary>
    public static ChangePath SinceMoment(DiskTracking tracking, MomentKey moment, ObservedLayer seen, SegmentFile segments) =>
        tracking.PointOf(moment) is { } point && tracking.ActiveTip is { } tip
            ? Between(tracking, point.Id, tip.PointId, seen, segments, savedFirst: false)
            : Unknown("the moment does not cover the disk");

    /// <summary>From any point of the disk's tree to any other.</summary>
    /// <param name="tracking">The tree.</param>
    /// <param name="from">One end.</param>
    /// <param name="to">The other.</param>
    /// <param name="seen">What is really on the active layer; null where it was not looked at, which is enough as long as sidecars serve.</param>
    /// <param name="segments">The sidecars.</param>
    /// <param name="savedFirst">Whether a whole sidecar is taken where the bitmap is there as well: nothing that befalls an image changes it.</param>
    public static ChangePath Between(DiskTracking tracking, string from, string to, ObservedLayer? seen, SegmentFile segments, bool savedFirst = true)
    {
        if (tracking.Path(from, to) is not { } edges)
            return Unknown("a moment between is missing in the metadata");
        if (seen is not null && LayerDoubt(tracking, seen) is { } doubt)
            return Unknown(doubt);
        bool nowIsEnd = tracking.ActiveTip is { } tip && (from == tip.PointId || to == tip.PointId);
        var path = new PathSources(tracking, seen, segments, savedFirst, nowIsEnd);
        foreach (TrackingPoint edge in edges)
            if (path.Add(edge) is { } reason)
                return Unknown(reason) with { NeedsActiveLayer = path.NeedsActiveLayer };

        if (nowIsEnd && edges.Count > 0 && path.Drift is { } drift)
            return Unknown(drift.Doubt);
        if (nowIsEnd && seen is null)
            return Unknown("the disk was not looked at") with { NeedsActiveLayer = true };
        long first = SizeOf(from), second = SizeOf(to), smaller = Math.Min(Math.Min(first, second), path.Floor), larger = Math.Max(first, second);
        // Bitmaps say nothing of what lies beyond the smallest size that the disk had meanwhile.
        ExtentMap resized = smaller < larger ? ExtentMap.Of(new Extent(smaller, larger - smaller)) : ExtentMap.Empty;
        long size = nowIsEnd ? seen!.Size : larger;
        return new ChangePath(path.Bitmaps, path.Frozen, path.Saved.Union(resized).Clip(size), size, null);

        long SizeOf(string point) => tracking.ActiveTip?.PointId == point ? seen!.Size : tracking.Points[point].Size;
    }

    private static string? LayerDoubt(DiskTracking tracking, ObservedLayer seen) =>
        tracking.ActiveTip is { } tip && tracking.Layers.GetValueOrDefault(tip.LayerId)?.Path is { } known && known != seen.Path
            ? $"the active image is '{seen.Path}', but the recorded one is '{known}'" : null;

    /// <summary>A way that leads to no answer.</summary>
    public static ChangePath Unknown(string why) => new([], [], ExtentMap.Empty, 0, why);

    /// <summary>The sources of the edges that were gone so far.</summary>
    private sealed class PathSources(DiskTracking tracking, ObservedLayer? seen, SegmentFile segments, bool savedFirst, bool nowIsEnd)
    {
        private readonly TrackingProof? _proof = seen is null ? null : new TrackingProof(tracking, seen);
        private readonly List<string> _bitmaps = [];
        private readonly List<FrozenBitmap> _frozen = [];
        private readonly List<ExtentMap> _saved = [];

        public LayerDrift? Drift => _proof?.Drift;

        public IReadOnlyList<string> Bitmaps => _bitmaps;

        public IReadOnlyList<FrozenBitmap> Frozen => _frozen;

        /// <summary>What the sidecars hold; joined in pairs, so that a thousand of them stay cheap.</summary>
        public ExtentMap Saved
        {
            get
            {
                List<ExtentMap> maps = _saved;
                while (maps.Count > 1)
                    maps = [.. maps.Chunk(2).Select(pair => pair.Length == 2 ? pair[0].Union(pair[1]) : pair[0])];
                return maps is [ExtentMap only] ? only : ExtentMap.Empty;
            }
        }

        public long Floor { get; private set; } = long.MaxValue;

        public bool NeedsActiveLayer { get; private set; }

        /// <summary>Adds what an edge says; the reason where it says nothing.</summary>
        public string? Add(TrackingPoint edge)
        {
            Floor = Math.Min(Floor, edge.Floor);
            if (edge.Sources.Count == 0)
                return "the metadata of a moment between has no record of what changed";
            foreach (SegmentSource source in edge.Sources)
            {
                string? doubt = source switch
                {
                    SegmentSource.Lost lost => lost.Reason,
                    SegmentSource.Sidecar sidecar => Read(sidecar.SidecarId),
                    SegmentSource.Bitmap { SidecarId: { } id } bitmap when savedFirst => IsWhole(id) ? null : Take(bitmap),
                    SegmentSource.Bitmap bitmap => Take(bitmap),
                    _ => "the metadata of a moment between has a source of an unknown kind",
                };
                if (doubt is not null)
                    return doubt;
            }

            return null;
        }

        private string? Take(SegmentSource.Bitmap bitmap)
        {
            if (FrozenBitmap.Find(tracking, bitmap) is { } frozen)
            {
                // Either says the same; but a file may be gone, or have been loaded with an older state of itself.
                if (bitmap.SidecarId is not { } saved || !IsWhole(saved))
                    _frozen.Add(frozen);
                return null;
            }

            string? doubt = _proof is null ? $"its bitmap '{bitmap.Name}' was not looked at" : _proof.WhyNot(bitmap) ?? (HasLost(bitmap) ? $"the bitmap '{bitmap.Name}' holds less than when it closed" : null);
            if (doubt is null)
            {
                _bitmaps.Add(bitmap.Name);
                // It is cut with the disk, and grows with it again, without its bits. A way that leads to now passes all that befell it.
                Floor = Math.Min(Math.Min(Floor, seen!.Size), Math.Min(_proof!.Floor, nowIsEnd ? long.MaxValue : tracking.LayerFloor(bitmap.LayerId)));
                return null;
            }

            // A sidecar that turned out to be broken is read again for what is wrong with it, once the bitmap is known not to help.
            if (bitmap.SidecarId is { } sidecar && (!savedFirst || _proof is not null))
                return Read(sidecar);
            NeedsActiveLayer |= _proof is null;
            return doubt;
        }

        // Nobody takes bits from a closed bitmap but who clears it, or puts another in its place, or made the disk smaller.
        private bool HasLost(SegmentSource.Bitmap bitmap) => bitmap.SidecarId is { } saved && seen!.Bitmaps[bitmap.Name].Count is { } count
            && SavedLength(saved) is { } length && count < TrackingProof.InBlocks(length);

        private long? SavedLength(string sidecar)
        {
            try
            {
                return segments.Read(sidecar, tracking.Disk).Blocks.TotalLength;
            }
            catch (MomentException failure) when (failure.ErrorId == MomentErrors.SegmentUnreadable)
            {
                return null;
            }
        }

        private bool IsWhole(string sidecar)
        {
            try
            {
                Read(sidecar);
                return true;
            }
            catch (MomentException failure) when (failure.ErrorId == MomentErrors.SegmentUnreadable)
            {
                return false;
            }
        }

        private string? Read(string sidecar)
        {
            _saved.Add(segments.Read(sidecar, tracking.Disk).Blocks);
            return null;
        }
    }
}
