using MomentTools.Moments;

namespace MomentTools.Operations.Backups;

/// <summary>The ids of backups and their disks for tab completion, from directory listings and the heads of manifests; the newest first.</summary>
internal static class BackupCompletion
{
    private const int Most = 500;

    /// <param name="repository">The repository's directory.</param>
    /// <param name="query">What is asked for; its machines as they are named now, or were when they were backed up.</param>
    /// <param name="standing">Only those that stand on another one.</param>
    /// <param name="beneath">Only those that this one stands on, directly or not; null for all.</param>
    public static IReadOnlyList<CompletionItem> Items(string repository, CompletionQuery query, bool standing, string? beneath)
    {
        var below = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        return
        [
            .. Found(repository, query, query.Takes)
                .Where(one => !standing || one.Head.StandsOn is not null)
                .Where(one => beneath is null || BelowIn(Path.GetDirectoryName(one.Directory)!).Contains(Id(one.Directory)))
                .Take(Most)
                .Select(one => new CompletionItem(Id(one.Directory), Tip(one.Directory, one.Head))),
        ];

        HashSet<string> BelowIn(string machine) => below.TryGetValue(machine, out HashSet<string>? known) ? known : below[machine] = Beneath(machine, beneath!);
    }

    /// <summary>The disks of backups, by their files.</summary>
    /// <param name="repository">The repository's directory.</param>
    /// <param name="query">What is asked for; its machines as they are named now, or were when they were backed up.</param>
    /// <param name="ids">The backups.</param>
    /// <param name="newest">What is meant where there are no ids: the newest of each machine, or all.</param>
    public static IReadOnlyList<CompletionItem> Disks(string repository, CompletionQuery query, IReadOnlyList<string> ids, bool newest)
    {
        IEnumerable<(string Directory, BackupHead Head)> backups = Found(repository, query, id => ids.Count == 0 || ids.Contains(id, StringComparer.Ordinal));
        if (ids.Count == 0 && newest)
            backups = backups.DistinctBy(one => Path.GetDirectoryName(one.Directory), StringComparer.Ordinal);
        return
        [
            .. backups.Take(Most).SelectMany(one => Files(one.Directory).Select(file => (one.Directory, one.Head, File: file, Disk: Path.GetFileNameWithoutExtension(file.Name))))
                .Where(one => BackupManifestRules.FileName(one.Disk) == one.File.Name && BackupManifestRules.DiskName(one.Disk) is null && query.Takes(one.Disk))
                .DistinctBy(one => one.Disk, StringComparer.Ordinal).OrderBy(one => one.Disk, StringComparer.Ordinal)
                .Select(one => new CompletionItem(one.Disk, $"disk in {Id(one.Directory)}, {Kind(one.Head)} of {one.Head.Vm}, {CompletionTips.Minute(one.Head.Created)}, {CompletionTips.Bytes(one.File.Length)}")),
        ];
    }

    // The newest first; what is not asked for is not read.
    private static IEnumerable<(string Directory, BackupHead Head)> Found(string repository, CompletionQuery query, Func<string, bool> isMeant)
    {
        WildcardPattern[] machines = [.. query.VM.Select(vm => new WildcardPattern(vm))];
        return Directory.EnumerateDirectories(repository).SelectMany(Backups).OrderByDescending(Id, StringComparer.Ordinal)
            .Where(backup => isMeant(Id(backup)))
            .Select(backup => (Directory: backup, Head: BackupHead.Read(backup)!))
            .Where(one => one.Head is { } head && (machines.Length == 0 || IsOf(head.Vm) || IsOf(MachineOf(one.Directory))));

        bool IsOf(string name) => query.VM.Contains(name, StringComparer.Ordinal) || machines.Any(pattern => pattern.IsMatch(name));
    }

    private static string Id(string backup) => Path.GetFileName(backup);

    private static string MachineOf(string backup) => Path.GetFileName(Path.GetDirectoryName(backup)!);

    // One machine's directory that cannot be listed does not hide the others.
    private static IEnumerable<string> Backups(string machine)
    {
        try
        {
            return [.. Directory.EnumerateDirectories(machine).Where(backup => BackupId.IsValid(Id(backup)))];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static HashSet<string> Beneath(string machine, string id)
    {
        HashSet<string> found = new(StringComparer.Ordinal);
        // Manifests come from anywhere: one may stand on itself, or be called by a path.
        for (string? next = id; BackupId.IsValid(next) && BackupHead.Read(Path.Combine(machine, next!)) is { } head;)
        {
            next = head.StandsOn;
            if (next is null || !found.Add(next))
                break;
        }

        return found;
    }

    private static string Tip(string directory, BackupHead head) =>
        $"{Kind(head)} of {head.Vm}, {CompletionTips.Minute(head.Created)}{(Files(directory) is { Length: > 0 } files ? ", " + CompletionTips.Bytes(files.Sum(file => file.Length)) : "")}";

    private static string Kind(BackupHead head) => head.Kind switch
    {
        VMBackupKind.Full => "full backup",
        VMBackupKind.Incremental => "incremental backup",
        VMBackupKind.Differential => "differential backup",
        VMBackupKind.Copy => "copy",
        _ => "backup",
    };

    // One that is removed or cannot be listed does not hide the others.
    private static (string Name, long Length)[] Files(string directory)
    {
        try
        {
            return [.. new DirectoryInfo(directory).EnumerateFiles().Select(file => (file.Name, file.Length))];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
