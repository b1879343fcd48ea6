using System.Security.Cryptography;
using System.Text;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups;

/// <summary>The small files of a backup, which are used only as they were written: the machine's document, and its firmware's variables.</summary>
internal static class BackupDocuments
{
    // "QFI\xfb", the first bytes of every qcow2 image.
    private static ReadOnlySpan<byte> Qcow2Magic => [0x51, 0x46, 0x49, 0xfb];

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
        return ReadAsync(backup.PathOf(firmware), BackupManifestFirmware.MaxBytes, firmware.Hash, cancellation);
    }

    /// <summary>Writes the firmware's variables to a new file of its owner's alone, flushed; an image that names another file is damage.</summary>
    /// <param name="backup">The backup.</param>
    /// <param name="content">The variables.</param>
    /// <param name="path">The new file.</param>
    /// <param name="name">The name that it gets in the end, for errors.</param>
    /// <param name="cancellation">Stops it; what was written stays for the caller to remove.</param>
    public static async Task StoreFirmwareAsync(BackupManifest backup, byte[] content, string path, string name, CancellationToken cancellation)
    {
        try
        {
            await using FileStream file = OwnedFile.Create(path);
            await file.WriteAsync(content, cancellation);
            file.Flush(flushToDisk: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "write", name);
        }

        if (!content.AsSpan().StartsWith(Qcow2Magic))
            return;
        // QEMU would write to the file that it names.
        Qcow2Header header = await DiskChain.HeaderAsync(path, cancellation);
        if (header.BackingFile is not null || header.HasDataFile)
            throw BackupErrors.Corrupt(backup.PathOf(backup.Firmware!), "it is an image that names another file");
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
