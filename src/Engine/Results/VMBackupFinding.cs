namespace MomentTools;

/// <summary>One thing that is wrong with a backup, and where.</summary>
public sealed record VMBackupFinding
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The backup's id.</summary>
    public required string BackupId { get; init; }

    /// <summary>The disk, or null where it is about the whole backup.</summary>
    public string? Disk { get; init; }

    /// <summary>The error's id, as in about_MomentTools_Errors.</summary>
    public required string Id { get; init; }

    /// <summary>The file that it is about.</summary>
    public string? Path { get; init; }

    /// <summary>The first byte of the file, or of the disk, that is wrong, where that is known.</summary>
    public long? Offset { get; init; }

    /// <summary>What is wrong, in whole sentences.</summary>
    public required string Message { get; init; }

    /// <summary>What to do now.</summary>
    public required string Advice { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Message;
}
