namespace MomentTools;

/// <summary>Which backups to test, and how far.</summary>
public sealed record TestBackupRequest
{
    /// <summary>The repository's directory.</summary>
    public required string Repository { get; init; }

    /// <summary>The backups' ids; empty means all.</summary>
    public IReadOnlyList<string> Ids { get; init; } = [];

    /// <summary>The disks; empty means all.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>Compare with the moment on the machine, too.</summary>
    public bool Source { get; init; }

    /// <summary>Start the backup on an overlay, too, and wait for a sign of life.</summary>
    public bool Boot { get; init; }

    /// <summary>The text on the serial console that is the sign of life; null for an answer of the guest's agent.</summary>
    public string? BootText { get; init; }

    /// <summary>How long to wait for the sign of life.</summary>
    public TimeSpan BootTimeout { get; init; } = TimeSpan.FromMinutes(5);
}
