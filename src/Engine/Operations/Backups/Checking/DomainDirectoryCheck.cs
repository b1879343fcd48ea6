using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>What lies in a machine's directory beside the backups that can be read: what interrupted backups left is told, and whatever would be taken for the machine's is a finding.</summary>
internal sealed class DomainDirectoryCheck(BackupRepository repository, string domainDirectory, BackupFindings findings, IOperationReport report)
{
    public void Run()
    {
        try
        {
            foreach (string path in Directory.EnumerateFileSystemEntries(domainDirectory).Order(StringComparer.Ordinal))
                Look(path, Path.GetFileName(path));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            findings.Add("", FileErrors.From(failure, "list", domainDirectory));
        }

        FindTwin();
    }

    private void Look(string path, string name)
    {
        if (BackupId.IsValid(name))
        {
            // Directories were read with their manifests.
            if (Libc.KindOf(path) is not (FileKind.Directory or FileKind.Absent))
                findings.Add(name, BackupErrors.ManifestBroken(path, $"in place of the backup's directory there is {PlainFile.WhyNot(path) ?? "a file"}"));
        }
        else if (name.Length > BackupId.Length && name[0] == '.' && BackupId.IsValid(name.Substring(1, BackupId.Length)))
        {
            report.Verbose($"'{path}' belongs to a backup that is being made, or was interrupted: the next command that changes the repository removes or finishes what nobody works on. No backup is harmed by it.");
        }
        else if (name != DomainMarker.FileName && name != BackupRepository.LockName)
        {
            report.Warning($"'{path}' is nothing of ours: it was left alone and not looked at.");
        }
        else if (PlainFile.WhyNot(path) is { } why)
        {
            findings.Add("", BackupCheckErrors.Unknown(path, why));
        }
    }

    // A copy of the directory within the repository: which of the two is the machine's would depend on their names.
    private void FindTwin()
    {
        if (DomainMarker.Read(domainDirectory) is not { } uuid)
            return;
        foreach (string other in repository.DomainDirectories().Where(other => other != domainDirectory))
        {
            if (DomainMarker.TryRead(other) != uuid)
                continue;
            findings.Add("", new MomentException(
                BackupErrors.BackupDomainConflict, $"The directory '{other}' says that it holds the backups of the machine {uuid}, and so does '{domainDirectory}': which one the next backup goes to depends on their names.", other,
                "Move one of the two out of the repository."));
        }
    }
}
