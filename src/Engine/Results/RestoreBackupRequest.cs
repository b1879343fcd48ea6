namespace MomentTools;

/// <summary>What to restore, and where to.</summary>
public sealed record RestoreBackupRequest
{
    /// <summary>The repository's directory.</summary>
    public required string Repository { get; init; }

    /// <summary>The backup's id, or null for the newest.</summary>
    public string? Id { get; init; }

    /// <summary>The directory for the new files; made if it does not exist. Existing files are never overwritten.</summary>
    public required string Destination { get; init; }

    /// <summary>The disks; empty means all.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>"qcow2" or "raw".</summary>
    public string Format { get; init; } = "qcow2";
}
