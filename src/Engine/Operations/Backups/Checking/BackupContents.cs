using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>What lies in a backup's directory besides the disks: its documents against the manifest, and whether anything is there that does not belong.</summary>
internal sealed class BackupContents(BackupManifest backup, BackupFindings findings, IOperationReport report)
{
    // An NFS client keeps a file under such a name that was deleted while somebody reads it.
    private const string NfsLeftover = ".nfs";

    public async Task CheckAsync(CancellationToken cancellation)
    {
        await TryAsync(async () =>
        {
            DomainDocument domain = await BackupDocuments.DomainAsync(backup, cancellation);
            if (domain.Uuid is { } uuid && uuid != backup.Uuid)
                throw Wrong($"the machine's document is that of '{domain.Name}' with the UUID {uuid}, and the manifest's UUID is {backup.Uuid}");
        });
        if (backup.Firmware is not null)
            await TryAsync(() => BackupDocuments.FirmwareAsync(backup, cancellation));
        FindStrangers();
    }

    private async Task TryAsync(Func<Task> check)
    {
        try
        {
            await check();
        }
        catch (MomentException failure)
        {
            // A document with the right hash that is none: it was changed together with the manifest.
            bool parsed = failure.ErrorId == BackupErrors.BackupCorrupt || failure.ErrorId == BackupCheckErrors.BackupManifestWrong || failure.Kind is ErrorKind.Storage or ErrorKind.AccessDenied;
            findings.Add(backup.Id, parsed ? failure : Wrong($"the machine's document cannot be read ({failure.Message.TrimEnd('.')})"), path: parsed ? null : Path.Combine(backup.Directory, BackupManifest.DomainFileName));
        }
    }

    private MomentException Wrong(string rule) => BackupCheckErrors.ManifestWrong(Path.Combine(backup.Directory, BackupManifest.FileName), rule);

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
