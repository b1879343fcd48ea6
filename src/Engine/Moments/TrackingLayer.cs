namespace MomentTools.Moments;

/// <summary>An image file in the life of a disk.</summary>
/// <param name="Id">Unique in the domain.</param>
/// <param name="Path">The file.</param>
/// <param name="BackingId">The layer beneath that is known to the tracking, or null.</param>
/// <param name="FrozenTop">The point whose mark the image bore when a layer was put on top of it and it was written no more; null while it is written.</param>
/// <param name="Facts">What the file was when it was recorded; null in files of older versions, and where it could not be read.</param>
internal sealed record TrackingLayer(string Id, string Path, string? BackingId, string? FrozenTop = null, LayerFacts? Facts = null)
{
    /// <summary>Whether MomentTools made the file: no other is ever removed.</summary>
    public bool Made { get; init; }
}
