namespace MomentTools.Operations.Backups;

/// <summary>The copy of the machine's firmware variables (<c>&lt;nvram&gt;</c>) in a backup.</summary>
internal sealed record BackupManifestFirmware
{
    /// <summary>The only name that the copy may have.</summary>
    public const string FileName = "nvram.fd";

    /// <summary>The most bytes that the copy may have: firmware has a few.</summary>
    public const long MaxBytes = 64L << 20;

    /// <summary>The file, a plain name in the backup's directory.</summary>
    public required string File { get; init; }

    /// <summary>Bytes of the file.</summary>
    public required long Size { get; init; }

    /// <summary>SHA-256 of the file, in lower-case hexadecimal digits.</summary>
    public required string Hash { get; init; }
}
