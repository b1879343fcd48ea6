namespace MomentTools;

/// <summary>Which snapshot to remove, and how much with it.</summary>
public sealed record RemoveSnapshotRequest
{
    /// <summary>The snapshot's name.</summary>
    public required string Name { get; init; }

    /// <summary>Also everything below it.</summary>
    public bool Descendants { get; init; }

    /// <summary>Only what is below it.</summary>
    public bool DescendantsOnly { get; init; }

    /// <summary>Forget it, and leave its content where it is.</summary>
    public bool MetadataOnly { get; init; }

    /// <summary>How long Undo-VMSnapshot can bring it back; zero for not at all, null for one hour.</summary>
    public TimeSpan? UndoFor { get; init; }

    /// <summary>What was kept aside since then can still be undone afterwards: where several snapshots go with one command. Null: only the last can.</summary>
    public DateTimeOffset? KeepSince { get; init; }

    /// <summary>The owner of an attached machine knows that it may run on another image afterwards.</summary>
    public bool AcceptOwner { get; init; }
}
