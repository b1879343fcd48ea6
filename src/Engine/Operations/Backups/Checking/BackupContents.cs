using System.Security.Cryptography;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>What lies in a backup's directory besides the disks: its documents against the manifest, and whether anything is there that does not belong.</summary>
internal sealed class BackupContents(BackupManifest backup, BackupFindings findings, IOperationReport report)
{
    // Of a document that may come from anywhere no more is read.
    private const long LongestDocument = 64L << 20;

    // An NFS client keeps a file under such a name that was deleted while somebody reads it.
    private const string NfsLeftover = ".nfs";

    public async Task CheckAsync(CancellationToken cancellation)
    {
        string document = Path.Combine(backup.Directory, BackupManifest.DomainFileName);
        if (await CheckAsync(document, null, backup.DomainHash, cancellation) && Mismatch(document) is { } rule)
            findings.Add(backup.Id, BackupCheckErrors.ManifestWrong(Path.Combine(backup.Directory, BackupManifest.FileName), rule), path: document);
        if (backup.Firmware is { } firmware)
            await CheckAsync(backup.PathOf(firmware), firmware.Size, firmware.Hash, cancellation);
        FindStrangers();
    }

    private async Task<bool> CheckAsync(string path, long? size, string hash, CancellationToken cancellation)
    {
        if (PlainFile.WhyNot(path) is { } why)
        {
            findings.Add(backup.Id, BackupErrors.Corrupt(path, $"it is {why}"));
            return false;
        }

        try
        {
            await using FileStream file = PlainFile.OpenRead(path);
            if (file.Length > LongestDocument || (size is { } bytes && file.Length != bytes))
                findings.Add(backup.Id, BackupErrors.Corrupt(path, $"it has {file.Length} bytes{(size is null ? "" : $" where its manifest says {size}")}"), offset: Math.Min(file.Length, size ?? LongestDocument));
            else if (Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellation)) != hash)
                findings.Add(backup.Id, BackupErrors.Corrupt(path, "it does not agree with its hash"), offset: 0);
            else
                return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            findings.Add(backup.Id, BackupCheckErrors.Unreadable(failure, path));
        }

        return false;
    }

    // A document with the right hash that is another machine's: manifest and document were changed together.
    private string? Mismatch(string path)
    {
        try
        {
            DomainDocument domain = DomainDocument.Parse(File.ReadAllText(path), path);
            return domain.Uuid is { } uuid && uuid != backup.Uuid ? $"the machine's document is that of '{domain.Name}' with the UUID {uuid}, and the manifest's UUID is {backup.Uuid}" : null;
        }
        catch (MomentException failure)
        {
            return $"the machine's document cannot be read ({failure.Message.TrimEnd('.')})";
        }
    }

    private void FindStrangers()
    {
        HashSet<string> ours = new(backup.Disks.Select(disk => disk.File), StringComparer.Ordinal) { BackupManifest.FileName, BackupManifest.DomainFileName };
        if (backup.Firmware is { } firmware)
            ours.Add(firmware.File);
        try
        {
            foreach (string path in Directory.EnumerateFileSystemEntries(backup.Directory).Order(StringComparer.Ordinal))
            {
                string name = Path.GetFileName(path);
                if (ours.Contains(name))
                    TellLinks(path);
                else if (!name.StartsWith(NfsLeftover, StringComparison.Ordinal))
                    findings.Add(backup.Id, BackupCheckErrors.Unknown(path, PlainFile.WhyNot(path) ?? "a file"));
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            findings.Add(backup.Id, FileErrors.From(failure, "list", backup.Directory));
        }
    }

    // Copies of a repository that share their files with it (cp --link, rsync --link-dest) are usual: no damage, but worth a word.
    private void TellLinks(string path)
    {
        if (Libc.KindOf(path) == FileKind.Regular && Libc.Links(path) is > 1 and var names)
            report.Verbose($"The file '{path}' has {names} names: it is what its manifest says, and who writes to it by another name changes the backup.");
    }
}
