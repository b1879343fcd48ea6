namespace MomentTools;

/// <summary>What a new block snapshot shall be.</summary>
public sealed record CreateBlockSnapshotRequest
{
    /// <summary>The name, or null for one made of the time.</summary>
    public string? Name { get; init; }

    /// <summary>The disks to show; empty means every disk that can be shown.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>The absolute path of the scratch file by disk; disks that are not in it get a name of ours.</summary>
    public IReadOnlyDictionary<string, string> Scratch { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The absolute path of the directory for scratch files that have no path of their own; null for beside each disk's image.</summary>
    public string? ScratchDirectory { get; init; }

    /// <summary>The most bytes that the scratch file of each disk may take, or null: what the file system has.</summary>
    public long? ScratchLimit { get; init; }

    /// <summary>The checkpoint to take at exactly the same instant, or null.</summary>
    public string? NewCheckpoint { get; init; }

    /// <summary>Have the guest's agent freeze the file systems for the instant; where that cannot be done, nothing is.</summary>
    public bool Quiesce { get; init; }

    /// <summary>How long it lives if nobody removes it before, or null: as long as its owner.</summary>
    public TimeSpan? Lease { get; init; }

    /// <summary>It ends with the calling process.</summary>
    public bool OwnedBySession { get; init; }

    /// <summary>A <c>&lt;domainblocksnapshot&gt;</c> document instead of name, disks and scratch files, or null.</summary>
    public string? Xml { get; init; }

    /// <summary>The file with the document, in place of <see cref="Xml"/>, or null.</summary>
    public string? XmlPath { get; init; }
}
