using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>
/// Holds what the metadata says of a disk's active layer against what is really there. Nothing is used that is not proven here at the
/// moment of use. Pure.
/// </summary>
internal sealed class TrackingProof
{
    /// <summary>Every bitmap of ours has the same: merges need no conversion, and answers have one grain.</summary>
    public const long Granularity = 65536;

    /// <summary>A mark of this granularity has no bits: it says nothing of the disk's sizes. The coarsest there is takes no memory.</summary>
    public const long BareMarkGranularity = 1L << 30;

    private readonly DiskTracking _tracking;
    private readonly ObservedLayer _observed;
    private readonly string? _layerDoubt;

    public TrackingProof(DiskTracking tracking, ObservedLayer observed)
    {
        _tracking = tracking;
        _observed = observed;
        _layerDoubt = LayerDoubt();
        OwnDoubt = tracking.ActiveTip is null ? "no checkpoint covers the disk" : _layerDoubt ?? RecordingDoubt(tracking.ActiveTip);
        Drift = LayerDrift.Find(tracking, observed.Chain?.Layers) is [var first, ..] ? first : null;
    }

    /// <summary>Why what was written since the last moment is not known, or null: the recording bitmap is proven, and so are the layers beneath.</summary>
    public string? Doubt => OwnDoubt ?? Drift?.Doubt;

    /// <summary>The same of the active image alone: what the guest wrote.</summary>
    public string? OwnDoubt { get; }

    /// <summary>
    /// What beneath the active image is not as it was at the last moment, or null. It leaves the bitmaps as true as they were, and what
    /// closed at an earlier moment as complete; but what is read now is another content than the last moment's.
    /// </summary>
    public LayerDrift? Drift { get; }

    /// <summary>
    /// Beyond this offset in bytes nothing is known by bitmaps, because the disk was smaller since the last moment, perhaps only for a
    /// while: the mark's bits were cut with it. <see cref="long.MaxValue"/> where it never was, as far as the mark can tell.
    /// </summary>
    public long Floor => Mark is { Granularity: Granularity, Count: { } count } && _tracking.Points.GetValueOrDefault(_tracking.ActiveTip!.PointId) is { } tip && count < InBlocks(tip.Size)
        ? Math.Max(0, count - Granularity) : long.MaxValue;

    /// <summary>Whether the mark has a bit for each block that the disk has now, so that the next one can take them over.</summary>
    public bool IsMarkFull => Mark is { Granularity: Granularity, Count: { } count } && count >= InBlocks(_observed.Size);

    private ObservedBitmap? Mark => _tracking.ActiveTip is { } tip && _layerDoubt is null ? _observed.Bitmaps.GetValueOrDefault(tip.Marker) : null;

    /// <summary>Whether a point is the disk's present state.</summary>
    public bool IsNow(TrackingPoint point) => point.Id == _tracking.ActiveTip?.PointId;

    /// <summary>A size in bytes, rounded up to whole blocks of the granularity.</summary>
    public static long InBlocks(long size) => (size + Granularity - 1) & -Granularity;

    /// <summary>Whether a closed segment's bitmap is on the active layer and can be trusted.</summary>
    public bool IsProven(SegmentSource.Bitmap source) => WhyNot(source) is null;

    /// <summary>Why a bitmap cannot be trusted, or null.</summary>
    public string? WhyNot(SegmentSource.Bitmap source)
    {
        if (_tracking.ActiveTip is not { } tip || source.LayerId != tip.LayerId)
            return $"its bitmap '{source.Name}' lies on a layer that is not open";
        if (_layerDoubt is not null)
            return _layerDoubt;
        bool records = source.Name == tip.Recording;
        return records ? RecordingDoubt(tip) : BitmapDoubt(source.Name, recording: false);
    }

    /// <summary>The sources of the tip's edge as they must be written down when it closes: what is not proven is lost, with the reason.</summary>
    public IReadOnlyList<SegmentSource> Settled(string? sidecarId)
    {
        if (_tracking.ActiveTip is not { } tip)
            return [];
        IEnumerable<SegmentSource> own = _tracking.Points[tip.PointId].Sources.Select(source => source switch
        {
            SegmentSource.Bitmap bitmap when bitmap.Name == tip.Recording && bitmap.LayerId == tip.LayerId =>
                OwnDoubt is { } doubt ? new SegmentSource.Lost(doubt) : bitmap with { SidecarId = sidecarId },
            _ => source,
        });
        return [.. own, .. OwnDoubt is null && Drift is { } drift ? [new SegmentSource.Lost(drift.Doubt)] : (SegmentSource[])[]];
    }

    private string? LayerDoubt()
    {
        if (_tracking.ActiveTip is not { } tip)
            return null;
        ObservedBitmap? marker = _observed.Bitmaps.GetValueOrDefault(tip.Marker);
        if (marker is { Inconsistent: false, Recording: false })
            return null;
        bool crashed = _observed.Bitmaps.Values.Any(bitmap => bitmap.Inconsistent);
        bool others = _observed.Bitmaps.Keys.Any(name => name.StartsWith(TrackingTip.MarkerPrefix, StringComparison.Ordinal));
        return crashed ? "QEMU did not close the image the last time it was open, so its bitmaps are inconsistent"
            : others ? "the image holds another state than the one that was recorded: perhaps a copy was put in its place"
            : _observed.Bitmaps.Count == 0 ? "the image has no bitmaps any more: QEMU died before it could store them, or a program that knows no bitmaps wrote to it"
            : "the image has lost the mark of the state that was recorded";
    }

    private string? RecordingDoubt(TrackingTip tip) => BitmapDoubt(tip.Recording, recording: true);

    private string? BitmapDoubt(string name, bool recording) => _observed.Bitmaps.GetValueOrDefault(name) switch
    {
        null => $"the bitmap '{name}' is not in the image any more",
        { Inconsistent: true } => $"the bitmap '{name}' is inconsistent: QEMU died while it was in use",
        { Granularity: not Granularity } other => $"the bitmap '{name}' has a granularity of {other.Granularity} bytes and was not made here",
        { Persistent: false } => $"the bitmap '{name}' would not survive the end of QEMU and was not made here",
        { Recording: var records } when records != recording => recording
            ? $"the bitmap '{name}' was switched off, so writes may be missing in it"
            : $"the bitmap '{name}' was switched on again by somebody",
        _ => null,
    };
}
