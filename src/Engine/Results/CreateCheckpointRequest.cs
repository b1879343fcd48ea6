namespace MomentTools;

/// <summary>What a new checkpoint shall be.</summary>
public sealed record CreateCheckpointRequest
{
    /// <summary>The name, or null for one made of the time.</summary>
    public string? Name { get; init; }

    /// <summary>The user's words about it.</summary>
    public string? Description { get; init; }

    /// <summary>The disks to cover; empty means every disk, each of which must then be trackable.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>Cover what can be tracked and leave out the rest, instead of refusing.</summary>
    public bool TrackableOnly { get; init; }

    /// <summary>Make the bitmaps only: no moment will name them, and what is recorded for moments goes on beside them.</summary>
    public bool NoMetadata { get; init; }

    /// <summary>A <c>&lt;domaincheckpoint&gt;</c> document instead of the properties above, or null.</summary>
    public string? Xml { get; init; }

    /// <summary>Have the guest's agent freeze the file systems for the instant; where that cannot be done, nothing is.</summary>
    public bool Quiesce { get; init; }
}
