namespace MomentTools;

/// <summary>Documents of moments that shall become known, all or none.</summary>
public sealed record ImportMomentsRequest
{
    /// <summary>Files with a checkpoint, a snapshot, or all moments of a machine, and directories of such files.</summary>
    public IReadOnlyList<string> Paths { get; init; } = [];

    /// <summary>Such documents as text.</summary>
    public IReadOnlyList<string> Documents { get; init; } = [];

    /// <summary>Refuse moments whose bitmaps or internal snapshots are not in the images, or are inconsistent there.</summary>
    public bool Validate { get; init; }

    /// <summary>Make the one imported moment the one that the machine's present state descends from.</summary>
    public bool Current { get; init; }

    /// <summary>Take the documents alone; bitmaps that record in the images are not taken over.</summary>
    public bool MetadataOnly { get; init; }
}
