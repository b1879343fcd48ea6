namespace MomentTools;

/// <summary>Which backups to remove: by id, or all that no rule keeps.</summary>
public sealed record RemoveBackupRequest
{
    /// <summary>The repository's directory.</summary>
    public required string Repository { get; init; }

    /// <summary>The backups' ids; empty where the rules say it.</summary>
    public IReadOnlyList<string> Ids { get; init; } = [];

    /// <summary>Keep so many of the newest.</summary>
    public int? KeepLast { get; init; }

    /// <summary>Keep the newest of so many hours that have one.</summary>
    public int? KeepHourly { get; init; }

    /// <summary>Keep the newest of so many days that have one.</summary>
    public int? KeepDaily { get; init; }

    /// <summary>Keep the newest of so many weeks (ISO 8601) that have one.</summary>
    public int? KeepWeekly { get; init; }

    /// <summary>Keep the newest of so many months that have one.</summary>
    public int? KeepMonthly { get; init; }

    /// <summary>Keep the newest of so many years that have one.</summary>
    public int? KeepYearly { get; init; }

    /// <summary>With ids: fold what others still need into them, in place of refusing.</summary>
    public bool Merge { get; init; }

    /// <summary>Where days begin and end; null for the local time zone.</summary>
    public TimeZoneInfo? Zone { get; init; }
}
