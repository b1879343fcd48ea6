using System.Text.Json.Serialization;

namespace MomentTools.Operations.Backups;

/// <summary>What <c>manifest.json</c> says of one backup. It is written last: a backup without it does not exist.</summary>
internal sealed record BackupManifest
{
    /// <summary>The format that this version writes, and the only one it reads.</summary>
    public const int CurrentFormat = 1;

    /// <summary>The manifest's file in the backup's directory.</summary>
    public const string FileName = "manifest.json";

    /// <summary>What <see cref="Mode"/> can be.</summary>
    public const string Push = "push", Pull = "pull";

    /// <summary>The machine's document in the backup's directory.</summary>
    public const string DomainFileName = "domain.xml";

    public int Format { get; init; } = CurrentFormat;

    public required string Id { get; init; }

    /// <summary>The newest backup that was there before; what each disk stands on, the disk says.</summary>
    public string? Parent { get; init; }

    public required string Vm { get; init; }

    public required Guid Uuid { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>What was made of it; where a manifest does not say, full if every disk is, else incremental.</summary>
    public VMBackupKind Kind
    {
        get => field != VMBackupKind.Automatic ? field : Disks.All(disk => disk.Kind == VMBackupKind.Full) ? VMBackupKind.Full : VMBackupKind.Incremental;
        init;
    }

    /// <summary>"push" where QEMU's own jobs wrote it, "pull" where it was read from a held instant.</summary>
    public string Mode
    {
        // Where a manifest does not say it, the initial value is not what is read.
        get => field ?? Push;
        init;
    }

    /// <summary>Why it was made, in the maker's words.</summary>
    public string? Description { get; init; }

    /// <summary>The machine's firmware variables, or null where it has none.</summary>
    public BackupManifestFirmware? Firmware { get; init; }

    /// <summary>The checkpoint that the backup made on the machine; null for a copy.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>When its files were written anew because backups that it stood on were removed; null where they are the first ones.</summary>
    public DateTimeOffset? Merged { get; init; }

    /// <summary>The backups that it stood on before that, those alone that it does not stand on any more; where the command was interrupted, some are there still.</summary>
    public IReadOnlyList<string>? Folded { get; init; }

    public required string EngineVersion { get; init; }

    public required string QemuVersion { get; init; }

    public required string Host { get; init; }

    public required string User { get; init; }

    /// <summary>SHA-256 of the machine's document; set when the backup is published.</summary>
    [JsonRequired]
    public string DomainHash { get; init; } = "";

    public required IReadOnlyList<BackupManifestDisk> Disks { get; init; }

    /// <summary>SHA-256 of the manifest itself, with zeroes in this place; set where it is written.</summary>
    [JsonRequired]
    public string Checksum { get; init; } = "";

    /// <summary>The backup's directory, known once it is read from one or written to one.</summary>
    [JsonIgnore]
    public string Directory { get; init; } = "";

    public BackupManifestDisk? FindDisk(string name) => Disks.FirstOrDefault(disk => string.Equals(disk.Name, name, StringComparison.Ordinal));

    /// <summary>The absolute path of a disk's file.</summary>
    public string PathOf(BackupManifestDisk disk) => Path.Combine(Directory, disk.File);

    /// <summary>The absolute path of the firmware variables' copy.</summary>
    public string PathOf(BackupManifestFirmware firmware) => Path.Combine(Directory, firmware.File);
}
