using System.Text.Json;
using MomentTools.Files;

namespace MomentTools.Operations.Backups;

/// <summary>
/// What the first bytes of a manifest say of a backup, for lists that must be there at a key press: the hashes, which make it large, are
/// not read, and nothing is checked.
/// </summary>
/// <param name="Vm">The machine's name at the time.</param>
/// <param name="Kind">What was made; <see cref="VMBackupKind.Automatic"/> where the manifest does not say.</param>
/// <param name="Created">The instant whose content it holds.</param>
/// <param name="StandsOn">The backup that its first disk stands on; null where that is full.</param>
internal sealed record BackupHead(string Vm, VMBackupKind Kind, DateTimeOffset Created, string? StandsOn)
{
    private const int Length = 8192;

    // How deep the properties of a disk lie.
    private const int FirstDisk = 3;

    /// <summary>Reads the head of the manifest in a backup's directory; null where there is none to read.</summary>
    public static BackupHead? Read(string directory)
    {
        try
        {
            using FileStream file = PlainFile.OpenRead(Path.Combine(directory, BackupManifest.FileName));
            byte[] bytes = new byte[Length];
            return Parse(bytes.AsSpan(0, file.ReadAtLeast(bytes, Length, throwOnEndOfStream: false)));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private static BackupHead? Parse(ReadOnlySpan<byte> bytes)
    {
        var reader = new Utf8JsonReader(bytes, isFinalBlock: false, default);
        string? vm = null;
        VMBackupKind kind = VMBackupKind.Automatic;
        DateTimeOffset? created = null;
        string? standsOn = null;
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName || reader.CurrentDepth is not (1 or FirstDisk))
                continue;
            bool isDisk = reader.CurrentDepth == FirstDisk;
            string name = reader.GetString()!;
            if (isDisk ? name == nameof(BackupManifestDisk.ChunkHashes) : name == nameof(BackupManifest.Checksum))
                break;
            if (name == nameof(BackupManifest.Disks))
                continue;
            if (!reader.Read())
                break;
            if (isDisk)
            {
                if (name == nameof(BackupManifestDisk.ParentId))
                    standsOn = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            }
            else if (name == nameof(BackupManifest.Vm))
                vm = reader.GetString();
            else if (name == nameof(BackupManifest.Created))
                created = reader.GetDateTimeOffset();
            else if (name == nameof(BackupManifest.Kind))
                _ = Enum.TryParse(reader.GetString(), out kind);
            else
                reader.TrySkip();
        }

        return vm is not null && created is { } time ? new BackupHead(vm, kind, time, standsOn) : null;
    }
}
