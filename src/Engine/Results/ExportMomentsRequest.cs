namespace MomentTools;

/// <summary>Which moments to write as XML, and how.</summary>
public sealed record ExportMomentsRequest
{
    /// <summary>Names, "KIND:NAME" or wildcards: a document each. Empty means all moments, in one document where that is possible.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>Leave out the machine's definition at the time of the moment.</summary>
    public bool NoDomain { get; init; }

    /// <summary>With the secrets of the definitions.</summary>
    public bool Secure { get; init; }

    /// <summary>With the bytes written since each checkpoint, disk by disk.</summary>
    public bool Size { get; init; }

    /// <summary>The file to write, or the directory for a file each; null: nothing is written.</summary>
    public string? Path { get; init; }

    /// <summary>Write onto files that exist.</summary>
    public bool Force { get; init; }
}
