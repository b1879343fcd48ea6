using System.Security.Cryptography;
using System.Text;
using MomentTools.Files;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups;

/// <summary>The small files of a backup, which are used only as they were written: the machine's document, and its firmware's variables.</summary>
internal static class BackupDocuments
{
    /// <summary>The machine's document.</summary>
    public static async Task<DomainDocument> DomainAsync(BackupManifest backup, CancellationToken cancellation)
    {
        string path = Path.Combine(backup.Directory, BackupManifest.DomainFileName);
        byte[] bytes = await ReadAsync(path, XmlSource.MaxBytes, backup.DomainHash, cancellation);
        return DomainDocument.Parse(Encoding.UTF8.GetString(bytes), path);
    }

    /// <summary>The firmware's variables; the backup must have them.</summary>
    public static Task<byte[]> FirmwareAsync(BackupManifest backup, CancellationToken cancellation)
    {
        BackupManifestFirmware firmware = backup.Firmware ?? throw new ArgumentException("The backup holds no firmware variables.", nameof(backup));
        return ReadAsync(Path.Combine(backup.Directory, firmware.File), BackupManifestFirmware.MaxBytes, firmware.Hash, cancellation);
    }

    /// <summary>Opens a file of a backup, which may come from anywhere: a link, a FIFO or a device of its name is damage.</summary>
    public static FileStream Open(string path) =>
        PlainFile.WhyNot(path) is { } why ? throw BackupErrors.Corrupt(path, $"it is {why}") : PlainFile.OpenRead(path);

    private static async Task<byte[]> ReadAsync(string path, long most, string hash, CancellationToken cancellation)
    {
        try
        {
            await using FileStream file = Open(path);
            if (file.Length > most)
                throw BackupErrors.Corrupt(path, $"it has {file.Length} bytes, and may have {most}");
            byte[] bytes = new byte[file.Length];
            await file.ReadExactlyAsync(bytes, cancellation);
            return Convert.ToHexStringLower(SHA256.HashData(bytes)) == hash ? bytes : throw BackupErrors.Corrupt(path, "it does not agree with its hash");
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw BackupErrors.Corrupt(path, "it is missing");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read", path);
        }
    }
}
