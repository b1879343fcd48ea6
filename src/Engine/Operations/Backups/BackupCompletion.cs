using MomentTools.Moments;

namespace MomentTools.Operations.Backups;

/// <summary>The ids of backups for tab completion, from directory listings and the heads of manifests; the newest first.</summary>
internal static class BackupCompletion
{
    private const int Most = 500;

    /// <param name="repository">The repository's directory.</param>
    /// <param name="query">What is asked for; its machines as they are named now, or were when they were backed up.</param>
    /// <param name="standing">Only those that stand on another one.</param>
    /// <param name="beneath">Only those that this one stands on, directly or not; null for all.</param>
    public static IReadOnlyList<CompletionItem> Items(string repository, CompletionQuery query, bool standing, string? beneath)
    {
        WildcardPattern[] machines = [.. query.VM.Select(vm => new WildcardPattern(vm))];
        var below = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        return
        [
            .. Directory.EnumerateDirectories(repository).SelectMany(Backups).OrderByDescending(Id, StringComparer.Ordinal)
                .Where(backup => query.Takes(Id(backup)))
                .Select(backup => (Directory: backup, Head: BackupHead.Read(backup)))
                .Where(one => one.Head is { } head && (machines.Length == 0 || IsMeant(head.Vm) || IsMeant(MachineOf(one.Directory))))
                .Where(one => !standing || one.Head!.StandsOn is not null)
                .Where(one => beneath is null || BelowIn(Path.GetDirectoryName(one.Directory)!).Contains(Id(one.Directory)))
                .Take(Most)
                .Select(one => new CompletionItem(Id(one.Directory), Tip(one.Directory, one.Head!))),
        ];

        bool IsMeant(string name) => query.VM.Contains(name, StringComparer.Ordinal) || machines.Any(pattern => pattern.IsMatch(name));

        HashSet<string> BelowIn(string machine) => below.TryGetValue(machine, out HashSet<string>? known) ? known : below[machine] = Beneath(machine, beneath!);
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

    private static string Tip(string directory, BackupHead head)
    {
        string kind = head.Kind switch
        {
            VMBackupKind.Full => "full backup",
            VMBackupKind.Incremental => "incremental backup",
            VMBackupKind.Differential => "differential backup",
            VMBackupKind.Copy => "copy",
            _ => "backup",
        };
        return $"{kind} of {head.Vm}, {CompletionTips.Minute(head.Created)}{(Size(directory) is { } bytes ? ", " + CompletionTips.Bytes(bytes) : "")}";
    }

    // One that is removed or cannot be listed does not hide the others.
    private static long? Size(string directory)
    {
        try
        {
            return new DirectoryInfo(directory).EnumerateFiles().Sum(file => file.Length);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
