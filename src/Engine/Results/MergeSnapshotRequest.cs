namespace MomentTools;

/// <summary>Which snapshot's layer everything above is merged into.</summary>
public sealed record MergeSnapshotRequest
{
    /// <summary>The snapshot's name.</summary>
    public required string Name { get; init; }

    /// <summary>Where other branches stand on the layers, they get copies of what they read from them.</summary>
    public bool Force { get; init; }

    /// <summary>The owner of an attached machine knows that it runs on another image afterwards.</summary>
    public bool AcceptOwner { get; init; }
}
