namespace MomentTools.Moments;

/// <summary>Where the blocks that changed along one edge of a disk's tree are written down. An edge is the union of its sources.</summary>
internal abstract record SegmentSource
{
    private SegmentSource()
    {
    }

    /// <summary>The sidecar that holds what changed, or null where it is not saved.</summary>
    public string? SavedId => this switch
    {
        Bitmap bitmap => bitmap.SidecarId,
        Sidecar sidecar => sidecar.SidecarId,
        _ => null,
    };

    /// <summary>A dirty bitmap on a layer; once it is closed, also a sidecar that serves when the bitmap is gone.</summary>
    internal sealed record Bitmap(string LayerId, string Name, string? SidecarId) : SegmentSource;

    /// <summary>A closed segment of which only the sidecar is left.</summary>
    internal sealed record Sidecar(string SidecarId) : SegmentSource;

    /// <summary>Nobody knows what changed here: every answer across the edge is "unknown", with this reason.</summary>
    internal sealed record Lost(string Reason) : SegmentSource;
}
