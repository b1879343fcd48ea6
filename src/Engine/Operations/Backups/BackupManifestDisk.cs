using System.Text.Json.Serialization;

namespace MomentTools.Operations.Backups;

/// <summary>One disk of a backup: its file, what the file stands on, and the hashes of its bytes.</summary>
internal sealed record BackupManifestDisk
{
    /// <summary>The only algorithm of format 1.</summary>
    public const string Sha256 = "SHA256";

    public required string Name { get; init; }

    /// <summary><see cref="VMBackupKind.Full"/> or <see cref="VMBackupKind.Incremental"/>.</summary>
    public required VMBackupKind Kind { get; init; }

    /// <summary>Whether the content was read and compared, because nothing proved what had changed.</summary>
    public bool Compared { get; init; }

    /// <summary>Why it is full, or was compared, although an increment was wanted.</summary>
    public string? Reason { get; init; }

    /// <summary>The qcow2 file, a plain name in the backup's directory.</summary>
    public required string File { get; init; }

    /// <summary>The backup whose file of this disk is the backing file; null exactly when the disk is full.</summary>
    public string? ParentId { get; init; }

    /// <summary>Bytes of the disk.</summary>
    public required long VirtualSize { get; init; }

    /// <summary>Bytes of the file; set when the backup is published.</summary>
    public long FileSize { get; init; }

    public required long CopiedBytes { get; init; }

    /// <summary>The runs of bytes that were copied.</summary>
    public int Extents { get; init; }

    /// <summary>The tracking point whose content the file shows; null exactly where the backup is a copy.</summary>
    public string? PointId { get; init; }

    [JsonRequired]
    public string HashAlgorithm { get; init; } = Sha256;

    /// <summary>Bytes of the file that each chunk hash covers; the last covers what is left.</summary>
    [JsonRequired]
    public int HashChunkSize { get; init; } = FileHashes.SmallestChunk;

    /// <summary>The hash of all chunk hashes, one after the other as bytes.</summary>
    [JsonRequired]
    public string Hash { get; init; } = "";

    /// <summary>The hash of each chunk, in lower-case hexadecimal digits.</summary>
    [JsonConverter(typeof(HashListConverter))]
    [JsonRequired]
    public IReadOnlyList<string> ChunkHashes { get; init; } = [];
}
