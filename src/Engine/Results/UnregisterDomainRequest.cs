namespace MomentTools;

/// <summary>How to forget a machine.</summary>
public sealed record UnregisterDomainRequest
{
    /// <summary>Also where it has moments: they are forgotten, and their bitmaps and marks are removed from the images.</summary>
    public bool RemoveMetadata { get; init; }

    /// <summary>With <see cref="RemoveMetadata"/>: leave the images as they are, for instance where they are gone or not to be had.</summary>
    public bool KeepBitmaps { get; init; }
}
