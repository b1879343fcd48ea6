namespace MomentTools;

/// <summary>What a removal or a merge does with one backup.</summary>
public sealed record VMBackupPlan
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The backup's id.</summary>
    public required string BackupId { get; init; }

    /// <summary>The instant whose content it holds.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>What it is.</summary>
    public required VMBackupKind Kind { get; init; }

    /// <summary>Whether it stays.</summary>
    public required bool Keep { get; init; }

    /// <summary>Why it stays: <c>last 1</c>, <c>daily 2026-11-20</c>, and so on. Empty where it goes.</summary>
    public IReadOnlyList<string> Rules { get; init => field = Indexed.Of(value); } = [];

    /// <summary>Bytes that it takes in the repository.</summary>
    public required long Size { get; init; }

    /// <summary>Bytes that come free by it; negative where what stays of it grows.</summary>
    public required long FreedBytes { get; init; }

    /// <summary>The id of the backup that takes over what is still needed of it, or null.</summary>
    public string? MergedInto { get; init; }

    /// <summary>The repository's directory.</summary>
    public required string Repository { get; init; }

    /// <inheritdoc/>
    public override string ToString() => BackupId;
}
