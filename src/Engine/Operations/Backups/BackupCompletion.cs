using System.Globalization;

namespace MomentTools.Operations.Backups;

/// <summary>The ids of backups for tab completion, from directory listings and the heads of manifests; the newest first.</summary>
internal static class BackupCompletion
{
    private const int Most = 500;

    /// <param name="repository">The repository's directory.</param>
    /// <param name="vm">The machine's name, or null for all.</param>
    public static IReadOnlyList<CompletionItem> Items(string repository, string? vm) =>
    [
        .. Directory.EnumerateDirectories(repository)
            .SelectMany(domain => Directory.EnumerateDirectories(domain).Where(backup => BackupId.IsValid(Path.GetFileName(backup))))
            .OrderByDescending(backup => Path.GetFileName(backup), StringComparer.Ordinal)
            .Select(backup => (Directory: backup, Head: BackupHead.Read(backup)))
            .Where(one => one.Head is not null && (vm is null || one.Head.Vm == vm || Path.GetFileName(Path.GetDirectoryName(one.Directory)) == vm))
            .Take(Most)
            .Select(one => new CompletionItem(Path.GetFileName(one.Directory), Tip(one.Directory, one.Head!))),
    ];

    private static string Tip(string directory, BackupHead head)
    {
        long bytes = new DirectoryInfo(directory).EnumerateFiles().Sum(file => file.Length);
        string kind = head.Kind switch
        {
            VMBackupKind.Full => "full backup",
            VMBackupKind.Incremental => "incremental backup",
            VMBackupKind.Differential => "differential backup",
            VMBackupKind.Copy => "copy",
            _ => "backup",
        };
        return string.Create(CultureInfo.CurrentCulture, $"{kind} of {head.Vm}, {head.Created.LocalDateTime:g}, {bytes / (double)(1 << 20):N1} MiB");
    }
}
