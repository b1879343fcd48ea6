namespace MomentTools;

/// <summary>Which moment to remove, and how much with it.</summary>
public sealed record RemoveMomentRequest
{
    /// <summary>The moment's name.</summary>
    public required string Name { get; init; }

    /// <summary>"Checkpoint" or "Snapshot" where only a moment of that kind is meant; null for either.</summary>
    public string? Kind { get; init; }

    /// <summary>Also everything below it.</summary>
    public bool Descendants { get; init; }

    /// <summary>Only what is below it.</summary>
    public bool DescendantsOnly { get; init; }

    /// <summary>Forget it, and leave the bitmaps in the images as they are.</summary>
    public bool MetadataOnly { get; init; }

    /// <summary>What was kept aside since then can still be undone afterwards: where several snapshots go with one command. Null: only the last can.</summary>
    public DateTimeOffset? KeepSince { get; init; }
}
