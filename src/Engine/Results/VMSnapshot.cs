namespace MomentTools;

/// <summary>A moment to go back to: inside the images, or as layers beneath new ones.</summary>
public sealed record VMSnapshot : VMMoment
{
    /// <inheritdoc/>
    public override string Kind => "Snapshot";

    /// <summary>What the machine did, in libvirt's words: "running", "paused", "shutoff", "disk-snapshot", …</summary>
    public string? State { get; init; }

    /// <summary>"Internal": inside the images; "External": in files of their own; "Mixed": some parts here, some there.</summary>
    public string? Location { get; init; }

    /// <summary>The file with the machine's memory, or null: there is none, or it is inside an image.</summary>
    public string? Memory { get; init; }

    /// <summary>
    /// Whether the machine's present state is still the snapshot's own: it is stopped, its definition is the same, and nothing was written
    /// since. Null where that was not looked at (of a snapshot that is not current, without -Size), or is not known.
    /// </summary>
    public bool? Clean { get; init; }
}
