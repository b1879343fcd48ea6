namespace MomentTools.Moments;

/// <summary>The state a branch of one disk has now, behind its last moment.</summary>
/// <param name="PointId">The tip's point; its edge has the recording bitmap among its sources.</param>
/// <param name="LayerId">The active layer.</param>
/// <param name="Recording">The name of the bitmap that records on that layer; empty for a saved tip.</param>
internal sealed record TrackingTip(string PointId, string LayerId, string Recording)
{
    /// <summary>
    /// The tag of the internal snapshot, on the layer, that holds the tip's content while another branch is active on that layer; else null.
    /// A saved tip records nothing: <see cref="Recording"/> is empty then.
    /// </summary>
    public string? Saved { get; init; }

    /// <summary>
    /// The name of a closed bitmap on the active layer that says which tip the image holds. A copy of an older state put in the
    /// image's place has another one, even where a checkpoint's name was used again: its bitmaps prove nothing here. All its bits
    /// are set: QEMU cuts bitmaps with their disk, so the bits that are missing later say how small the disk was meanwhile.
    /// </summary>
    public string Marker => MarkerPrefix + PointId;

    public const string MarkerPrefix = "mt-tip-";
}
