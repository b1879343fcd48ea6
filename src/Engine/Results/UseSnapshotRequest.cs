namespace MomentTools;

/// <summary>Which snapshot is used for a while, and how its machine comes back.</summary>
public sealed record UseSnapshotRequest
{
    /// <summary>Tells this use from others: the same ends it.</summary>
    public required Guid Id { get; init; }

    /// <summary>The snapshot's name.</summary>
    public required string Name { get; init; }

    /// <summary>Whether a running machine's memory is given up: it comes back as after a power cut.</summary>
    public bool DiskOnly { get; init; }

    /// <summary>Whether the owner of an attached machine knows that its disks are others meanwhile.</summary>
    public bool AcceptOwner { get; init; }
}
