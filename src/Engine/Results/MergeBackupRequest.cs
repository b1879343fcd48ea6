namespace MomentTools;

/// <summary>Which backups to fold into one.</summary>
public sealed record MergeBackupRequest
{
    /// <summary>The repository's directory.</summary>
    public required string Repository { get; init; }

    /// <summary>The id of the backup that all is folded into.</summary>
    public required string Id { get; init; }

    /// <summary>The id of the oldest backup that stays beneath it; null where it becomes full.</summary>
    public string? Since { get; init; }
}
