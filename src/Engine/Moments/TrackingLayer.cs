namespace MomentTools.Moments;

/// <summary>An image file in the life of a disk.</summary>
/// <param name="Id">Unique in the domain.</param>
/// <param name="Path">The file.</param>
/// <param name="BackingId">The layer beneath that is known to the tracking, or null.</param>
internal sealed record TrackingLayer(string Id, string Path, string? BackingId);
