namespace MomentTools;

/// <summary>What a backup shall be.</summary>
public sealed record BackupRequest
{
    /// <summary>The repository's directory; made if it does not exist.</summary>
    public required string Repository { get; init; }

    /// <summary>How much to store.</summary>
    public VMBackupKind Kind { get; init; }

    /// <summary>For a differential backup: the id of the backup that it shall stand on, or the name of its checkpoint; null for the newest full one.</summary>
    public string? Since { get; init; }

    /// <summary>Copy a running machine by way of a held instant and NBD, in another process, in place of QEMU's own jobs.</summary>
    public bool Pull { get; init; }

    /// <summary>The absolute path of the scratch file of a pull by disk; disks that are not in it get a name of ours.</summary>
    public IReadOnlyDictionary<string, string> Scratch { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Where the scratch files of a pull lie; null for the usual place beside the disks.</summary>
    public string? ScratchDirectory { get; init; }

    /// <summary>The most bytes that each scratch file of a pull may take; null for no limit.</summary>
    public long? ScratchLimit { get; init; }

    /// <summary>Why the backup is made, in the maker's words.</summary>
    public string? Description { get; init; }

    /// <summary>A <c>&lt;domainbackup&gt;</c> document that says the rest, or null.</summary>
    public string? Xml { get; init; }

    /// <summary>The path of a file with such a document, or null.</summary>
    public string? XmlPath { get; init; }

    /// <summary>The disks; empty means every disk that can be backed up.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>The most bytes per second that each disk may read; 0 means no limit.</summary>
    public long SpeedLimit { get; init; }

    /// <summary>Compress the stored clusters (deflate).</summary>
    public bool Compress { get; init; }

    /// <summary>Have the guest's agent freeze the file systems for the instant; where that cannot be done, nothing is.</summary>
    public bool Quiesce { get; init; }
}
