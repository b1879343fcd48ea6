using MomentTools.Moments;

namespace MomentTools.Operations;

/// <summary>Whose a bitmap is that lies in one of a disk's images, as the metadata has it.</summary>
internal sealed class BitmapOwner
{
    /// <summary>The owner of what is ours without a moment: marks, and segments whose moment was removed.</summary>
    public const string Nameless = "MomentTools";

    private readonly Dictionary<(string Path, string Bitmap), string> _owners = [];

    public BitmapOwner(DiskTracking tracking)
    {
        foreach (TrackingPoint point in tracking.Points.Values.Where(point => point.ParentId is not null))
            foreach (SegmentSource.Bitmap source in point.Sources.OfType<SegmentSource.Bitmap>())
                Add(tracking, source.LayerId, source.Name, tracking.NearestMoment(point.ParentId)?.Name ?? Nameless);
        // Last: one that was lost in a crash is no edge's source any more, and an adopted one lies on the edge above its moment; both bear its name.
        foreach (TrackingPoint point in tracking.Points.Values)
            if (point.Moment is { Kind: MomentKind.Checkpoint } moment)
                Add(tracking, point.LayerId, moment.Name, moment.Name);
        foreach (TrackingLayer layer in tracking.Layers.Values.Where(layer => layer.FrozenTop is not null))
            Add(tracking, layer.Id, TrackingTip.MarkerPrefix + layer.FrozenTop, Nameless);
        foreach (TrackingTip tip in tracking.Tips.Values)
            Add(tracking, tip.LayerId, tip.Marker, Nameless);
        // A layer that is written no more keeps the mark of its last point.
        foreach (TrackingLayer layer in tracking.Layers.Values.Where(layer => layer.FrozenTop is not null))
            Add(tracking, layer.Id, TrackingTip.MarkerPrefix + layer.FrozenTop, Nameless);
    }

    /// <summary>The moment's name, <see cref="Nameless"/>, or null for a foreign one.</summary>
    public string? Of(string path, string bitmap) => _owners.GetValueOrDefault((path, bitmap));

    private void Add(DiskTracking tracking, string layerId, string bitmap, string owner)
    {
        if (tracking.Layers.GetValueOrDefault(layerId) is { } layer)
            _owners[(layer.Path, bitmap)] = owner;
    }
}
