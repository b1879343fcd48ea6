using MomentTools.Blocks;
using MomentTools.Moments;
using MomentTools.Operations.Health;

namespace MomentTools.Operations.Repairs;

/// <summary>
/// Closed bitmaps on layers that the machine does not write to. They are read from the files, and no file is edited: what is not there any
/// more is taken from its saved copy, or is lost; what was saved and is damaged is saved again.
/// </summary>
internal sealed class FarRepair
{
    private FarRepair(DiskTracking next) => Next = next;

    /// <summary>The disk's tree afterwards.</summary>
    public DiskTracking Next { get; private set; }

    /// <summary>The copies to be written before, by their ids.</summary>
    public Dictionary<string, Segment> Saved { get; } = new(StringComparer.Ordinal);

    /// <summary>What becomes of each bitmap or saved copy, by its name or id, as a part of a sentence.</summary>
    public Dictionary<string, string> Outcomes { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether one of the findings speaks of such a bitmap, or of a saved copy.</summary>
    public static bool IsWanted(DiskTracking tracking, IEnumerable<VMMomentFinding> findings) => findings.Any(finding =>
        finding.Id == FindingIds.SidecarUnreadable
        || (finding.Disk == tracking.Disk && finding.Bitmaps.Count > 0 && finding.Layer is { } path && tracking.Layers.Values.Any(layer => layer.Path == path && layer.Id != tracking.ActiveTip?.LayerId)));

    /// <param name="tracking">The disk's tree.</param>
    /// <param name="unreadable">Why a saved copy cannot be used, or null.</param>
    /// <param name="cancellation">Stops the reading.</param>
    public static async Task<FarRepair> MakeAsync(DiskTracking tracking, Func<string, string?> unreadable, CancellationToken cancellation)
    {
        var repair = new FarRepair(tracking);
        Dictionary<SegmentSource.Bitmap, SegmentSource> settled = [];
        foreach (SegmentSource.Bitmap bitmap in tracking.Points.Values.SelectMany(point => point.Sources).OfType<SegmentSource.Bitmap>().Distinct())
            if (FrozenBitmap.Find(tracking, bitmap) is { } far)
                settled[bitmap] = await repair.SettledAsync(bitmap, far, unreadable, cancellation);
        foreach (TrackingPoint point in tracking.Points.Values)
        {
            SegmentSource[] sources = [.. point.Sources.Select(source => source is SegmentSource.Bitmap bitmap ? settled.GetValueOrDefault(bitmap, bitmap) : source).Distinct()];
            if (!sources.SequenceEqual(point.Sources))
                repair.Next = repair.Next.WithSources(point.Id, sources);
        }

        return repair;
    }

    private async Task<SegmentSource> SettledAsync(SegmentSource.Bitmap bitmap, FrozenBitmap far, Func<string, string?> unreadable, CancellationToken cancellation)
    {
        bool saved = bitmap.SidecarId is { } id && unreadable(id) is null;
        // What a saved copy does not reach counts as not written.
        long size = Next.Points.Values.Max(point => point.Size);
        (ExtentMap blocks, string? doubt) = await far.ReadAsync(size, cancellation);
        if (doubt is null && (saved || bitmap.SidecarId is null))
            return bitmap;
        if (doubt is null)
        {
            string again = MomentIds.New();
            Saved[again] = new Segment(blocks, size, TrackingProof.Granularity);
            Outcomes[bitmap.SidecarId!] = $"the closed bitmap '{bitmap.Name}' of '{far.Layer.Path}' is saved again";
            return bitmap with { SidecarId = again };
        }

        Outcomes[bitmap.Name] = saved ? $"the saved copy of '{bitmap.Name}' takes its place" : $"what '{bitmap.Name}' recorded is written down as lost";
        if (!saved && bitmap.SidecarId is { } gone)
            Outcomes[gone] = "what it held is written down as lost";
        return saved ? new SegmentSource.Sidecar(bitmap.SidecarId!) : new SegmentSource.Lost(doubt);
    }
}
