using System.Security.Cryptography;
using System.Text;
using MomentTools.Files;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// Restore-VMBackup -AsDomain: the backup as a machine of its own, which can run beside the one it is of. The files first, whole; then the
/// machine is registered, which decides. Where anything fails the files go; of a process that died, by the next restore into the directory.
/// </summary>
/// <param name="context">What operations work with.</param>
/// <param name="disks">Copies the disks.</param>
internal sealed class DomainRestore(EngineContext context, BackupRestore disks)
{
    private const string Firmware = "firmware variables";

    public async Task<IReadOnlyList<VMRestoredDisk>> RunAsync(BackupSelection selection, RestoreBackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        string name = request.AsDomain!, directory = Path.GetFullPath(request.Destination!);
        RequireFree(name);
        DomainDocument original = Document(selection.Backup);
        byte[]? firmware = FirmwareOf(selection.Backup);
        RestoreNote.Sweep(directory, uuid => context.Catalogue.NameOf(uuid) is not null, report);
        Dictionary<string, string> names = selection.Disks.ToDictionary(disk => disk, disk => $"{name}.{disk}.{request.Format}", StringComparer.Ordinal);
        string variables = name + ".nvram.fd";
        DomainCopy copy = DomainCopy.Make(
            original, name, directory, names.ToDictionary(disk => disk.Key, disk => (Path.Combine(directory, disk.Value), request.Format), StringComparer.Ordinal),
            firmware is null ? null : Path.Combine(directory, variables));
        using var files = new RestoreFiles(directory, names.Select(disk => (disk.Key, disk.Value)).Concat(firmware is null ? [] : [(Firmware, variables)]), copy.Domain.Uuid, report);
        IReadOnlyDictionary<string, long> written = await disks.CopyAsync(selection, files, request.Format, report, cancellation);
        if (firmware is not null)
            await StoreAsync(files, firmware, cancellation);
        await files.PublishAsync(async () =>
        {
            context.Probe?.Invoke("restore-files:named");
            await new DomainLifeOperations(context.Catalogue).RegisterAsync(new RegisterDomainRequest { Xml = copy.Domain.ToXml(secure: true), XmlSource = copy.Domain.Source }, report, cancellation);
            context.Probe?.Invoke("restore-files:registered");
        });
        foreach (string note in copy.Notes)
            report.Warning(note);
        return [.. selection.Chains.Select(chain => BackupRestore.Result(selection, chain, files, request.Format, written) with { Domain = name })];
    }

    /// <summary>The machine's document in a backup, as its hash says.</summary>
    public static DomainDocument Document(BackupManifest backup)
    {
        string path = Path.Combine(backup.Directory, BackupManifest.DomainFileName);
        byte[] text = Read(path, null, backup.DomainHash);
        return DomainDocument.Parse(Encoding.UTF8.GetString(text), path);
    }

    /// <summary>The firmware's variables in a backup, as their hash says; null where it has none.</summary>
    public static byte[]? FirmwareOf(BackupManifest backup) => backup.Firmware is { } firmware ? Read(backup.PathOf(firmware), firmware.Size, firmware.Hash) : null;

    // The name that the machine gets is checked before an hour of copying, and again when it is registered.
    private void RequireFree(string name)
    {
        MomentNames.CheckDomain(name);
        if (context.Catalogue.Names().Contains(name, StringComparer.Ordinal))
            throw Machines.MachineErrors.Exists(name, "restore a backup as", "a domain of this name is registered already");
    }

    private static byte[] Read(string path, long? size, string hash)
    {
        try
        {
            using FileStream file = BackupDocuments.Open(path);
            if (file.Length > BackupManifestFirmware.MaxBytes || size is { } known && file.Length != known)
                throw BackupErrors.Corrupt(path, $"it has {file.Length} bytes{(size is null ? "" : $" where its manifest says {size}")}");
            byte[] content = new byte[file.Length];
            file.ReadExactly(content);
            return Convert.ToHexStringLower(SHA256.HashData(content)) == hash ? content : throw BackupErrors.Corrupt(path, "it does not agree with its hash");
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

    private static async Task StoreAsync(RestoreFiles files, byte[] content, CancellationToken cancellation)
    {
        string path = files.TemporaryOf(Firmware);
        try
        {
            await using FileStream file = OwnedFile.Create(path);
            await file.WriteAsync(content, cancellation);
            file.Flush(flushToDisk: true);
        }
        catch (IOException failure)
        {
            throw FileErrors.From(failure, "write", files.PathOf(Firmware));
        }
    }
}
