using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Operations.Serving;

/// <summary>What is known of a disk up to now, beginning with its last moment: where a block snapshot is taken, what it can tell of its past.</summary>
/// <param name="Point">The last moment's point; null where nothing is known.</param>
/// <param name="Bitmaps">The bitmaps on the active layer that have what was written since.</param>
/// <param name="Beside">What was written since according to sidecars and frozen layers.</param>
/// <param name="Doubt">Why nothing is known, or null.</param>
internal sealed record KnownChanges(string? Point, IReadOnlyList<string> Bitmaps, ExtentMap Beside, string? Doubt)
{
    public static KnownChanges None(string doubt) => new(null, [], ExtentMap.Empty, doubt);

    /// <summary>Where a checkpoint is taken with it: nothing is written between the two.</summary>
    public static Dictionary<string, KnownChanges> At(PreparedCheckpoint checkpoint, BlockSnapshotWish wish)
    {
        var key = new MomentKey(MomentKind.Checkpoint, wish.Request.NewCheckpoint!);
        return wish.Disks.ToDictionary(
            disk => disk.Target,
            disk => checkpoint.Next.Disk(disk.Target).PointOf(key) is { } point ? new KnownChanges(point.Id, [], ExtentMap.Empty, null) : None("no checkpoint covers the disk"),
            StringComparer.Ordinal);
    }

    /// <summary>Writes what is beside the bitmaps into a sidecar, where there is any.</summary>
    /// <param name="known">By disk.</param>
    /// <param name="record">The block snapshot.</param>
    /// <param name="sidecar">The sidecar's id.</param>
    /// <param name="segments">Where sidecars are.</param>
    /// <param name="before">Called before it is written.</param>
    /// <returns>The record, which names the sidecar.</returns>
    public static BlockSnapshotRecord Save(IReadOnlyDictionary<string, KnownChanges> known, BlockSnapshotRecord record, string sidecar, SegmentFile segments, Action? before = null)
    {
        var beside = record.Disks.Where(disk => known[disk.Name].Beside.Count > 0)
            .ToDictionary(disk => disk.Name, disk => new Segment(known[disk.Name].Beside.Clip(disk.Size), disk.Size, TrackingProof.Granularity), StringComparer.Ordinal);
        if (beside.Count == 0)
            return record;
        before?.Invoke();
        segments.Write(sidecar, beside);
        return record with { Disks = [.. record.Disks.Select(disk => beside.ContainsKey(disk.Name) ? disk with { CopySidecar = sidecar } : disk)] };
    }

    public static async Task<KnownChanges> OfAsync(DiskTracking tracking, ObservedLayer? seen, SegmentFile segments, CancellationToken cancellation)
    {
        if (tracking.ActiveTip is not { } tip || tracking.Points[tip.PointId].ParentId is not { } point || seen is null)
            return None("no checkpoint covers the disk");
        try
        {
            ChangePath path = ChangePath.Between(tracking, point, tip.PointId, seen, segments, savedFirst: false);
            if (path.Doubt is { } doubt)
                return None(doubt);
            ExtentMap beside = path.Saved;
            foreach (FrozenBitmap bitmap in path.Frozen)
            {
                (ExtentMap blocks, string? why) = await bitmap.ReadAsync(path.Size, cancellation);
                if (why is not null)
                    return None(why);
                beside = beside.Union(blocks);
            }

            return new KnownChanges(point, path.Bitmaps, beside, null);
        }
        catch (MomentException failure) when (failure.ErrorId == MomentErrors.SegmentUnreadable)
        {
            return None(failure.Message.TrimEnd('.'));
        }
    }
}
