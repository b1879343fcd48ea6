namespace MomentTools;

/// <summary>What is brought back.</summary>
public sealed record UndoSnapshotRequest
{
    /// <summary>The id of what is kept; null for the last.</summary>
    public string? Id { get; init; }

    /// <summary>Whether the owner of an attached machine knows that its disks are others from then on.</summary>
    public bool AcceptOwner { get; init; }
}
