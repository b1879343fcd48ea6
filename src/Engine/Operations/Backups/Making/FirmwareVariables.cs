using System.Security.Cryptography;
using MomentTools.Files;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Making;

/// <summary>
/// The file with a machine's firmware variables (libvirt's &lt;nvram&gt;: boot entries, Secure Boot keys), which a backup stores beside the
/// disks. A running machine may write to it at any time, so what is stored was read twice and was the same.
/// </summary>
internal sealed class FirmwareVariables
{
    private const int Attempts = 5;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly byte[] _content;

    private FirmwareVariables(byte[] content) => _content = content;

    /// <summary>What the manifest says of them.</summary>
    public BackupManifestFirmware Entry => new() { File = BackupManifestFirmware.FileName, Size = _content.LongLength, Hash = Convert.ToHexStringLower(SHA256.HashData(_content)) };

    /// <summary>Reads them; null where the machine has none, or they cannot be stored, which is told.</summary>
    /// <param name="domain">The machine.</param>
    /// <param name="running">Whether QEMU has the file open now.</param>
    /// <param name="report">Is told what is not stored.</param>
    /// <param name="cancellation">Stops the waiting.</param>
    public static async Task<FirmwareVariables?> ReadAsync(DomainDocument domain, bool running, IOperationReport report, CancellationToken cancellation)
    {
        if (domain.Root.Element("devices")?.Element("tpm") is not null)
            report.Warning($"The state of the TPM of '{domain.Name}' is not part of the backup: what the guest has sealed with it (BitLocker, for one) cannot be opened on a restored machine without its recovery key.");
        if (Find(domain) is not { } variables)
            return null;
        (string path, string format) = variables;
        if (path.Length == 0)
        {
            report.Warning($"The firmware variables of '{domain.Name}' are not stored: its document names no file for them.");
            return null;
        }

        if (!File.Exists(path))
        {
            report.Verbose($"The firmware variables of '{domain.Name}' are not stored: there is no file '{path}' yet.");
            return null;
        }

        if (running && format != "raw")
        {
            // QEMU holds a part of such a file's tables in memory.
            report.Warning($"The firmware variables of '{domain.Name}' are not stored: their file '{path}' has the format {format}, which cannot be read while the machine runs. Stop the machine for one backup, or use a raw file.");
            return null;
        }

        return await ReadAsync(domain.Name, path, report, cancellation);
    }

    /// <summary>Writes them into a backup's directory, durably.</summary>
    public void Write(string directory) => DurableFile.WriteNew(Path.Combine(directory, BackupManifestFirmware.FileName), _content);

    private static (string Path, string Format)? Find(DomainDocument domain)
    {
        if (domain.Root.Element("os")?.Element("nvram") is not { } nvram)
            return null;
        string path = nvram.Element("source")?.Attribute("file")?.Value ?? nvram.Value.Trim();
        return (path, nvram.Attribute("format")?.Value ?? "raw");
    }

    // A backup of the disks alone is better than none: what is in the way is told.
    private static async Task<FirmwareVariables?> ReadAsync(string vm, string path, IOperationReport report, CancellationToken cancellation)
    {
        string why = "is being written all the time";
        try
        {
            byte[]? before = null;
            for (int attempt = 0; attempt < Attempts; attempt++)
            {
                byte[] content = await ContentAsync(path, cancellation);
                if (before is not null && content.AsSpan().SequenceEqual(before))
                    return new FirmwareVariables(content);
                if (before is not null)
                    await Task.Delay(Pause, cancellation);
                before = content;
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            why = $"cannot be read ({failure.Message.TrimEnd('.')})";
        }

        report.Warning($"The firmware variables of '{vm}' are not stored: their file '{path}' {why}.");
        return null;
    }

    private static async Task<byte[]> ContentAsync(string path, CancellationToken cancellation)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
        if (file.Length > BackupManifestFirmware.MaxBytes)
            throw new IOException($"it has more than {BackupManifestFirmware.MaxBytes >> 20} MiB");
        byte[] content = new byte[file.Length];
        await file.ReadExactlyAsync(content, cancellation);
        return content;
    }
}
