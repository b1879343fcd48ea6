using System.Text.Json.Serialization;

namespace MomentTools.Operations.Backups;

/// <summary>What <c>manifest.json</c> says of one backup. It is written last: a backup without it does not exist.</summary>
internal sealed record BackupManifest
{
    /// <summary>The format that this version writes, and the only one it reads.</summary>
    public const int CurrentFormat = 1;

    /// <summary>The manifest's file in the backup's directory.</summary>
    public const string FileName = "manifest.json";

    /// <summary>The machine's document in the backup's directory.</summary>
    public const string DomainFileName = "domain.xml";

    public int Format { get; init; } = CurrentFormat;

    public required string Id { get; init; }

    /// <summary>The newest backup that was there before; what each disk stands on, the disk says.</summary>
    public string? Parent { get; init; }

    public required string Vm { get; init; }

    public required Guid Uuid { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>The checkpoint that the backup made on the machine.</summary>
    public string? Checkpoint { get; init; }

    public required string EngineVersion { get; init; }

    public required string QemuVersion { get; init; }

    public required string Host { get; init; }

    public required string User { get; init; }

    /// <summary>SHA-256 of the machine's document; set when the backup is published.</summary>
    public string DomainHash { get; init; } = "";

    public required IReadOnlyList<BackupManifestDisk> Disks { get; init; }

    /// <summary>SHA-256 of the manifest itself, with zeroes in this place; set where it is written.</summary>
    public string Checksum { get; init; } = "";

    /// <summary>The backup's directory, known once it is read from one or written to one.</summary>
    [JsonIgnore]
    public string Directory { get; init; } = "";

    public BackupManifestDisk? FindDisk(string name) => Disks.FirstOrDefault(disk => string.Equals(disk.Name, name, StringComparison.Ordinal));

    /// <summary>The absolute path of a disk's file.</summary>
    public string PathOf(BackupManifestDisk disk) => Path.Combine(Directory, disk.File);

    public VMBackup ToResult(string repository) => new()
    {
        VM = Vm,
        Id = Id,
        Parent = Parent,
        Kind = Disks.All(disk => disk.Kind == VMBackupKind.Full) ? VMBackupKind.Full : VMBackupKind.Incremental,
        Created = Created,
        Checkpoint = Checkpoint,
        Repository = repository,
        Uuid = Uuid,
        Disks =
        [
            .. Disks.Select(disk => new VMBackupDisk
            {
                Name = disk.Name,
                Kind = disk.Kind,
                Reason = disk.Reason,
                Path = PathOf(disk),
                Size = disk.VirtualSize,
                StoredSize = disk.FileSize,
                CopiedBytes = disk.CopiedBytes,
            }),
        ],
    };
}
