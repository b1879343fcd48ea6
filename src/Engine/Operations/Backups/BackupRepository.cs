using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups;

/// <summary>
/// A directory of backups: <c>DOMAIN/ID/</c> with one qcow2 file for each disk, <c>domain.xml</c> and <c>manifest.json</c>.
/// Readers need no lock, since a backup appears whole. Whoever changes a machine's directory holds its lock and recovers first.
/// </summary>
internal sealed class BackupRepository
{
    public const string LockName = ".lock";

    // Every ext file system has it at its root, for root alone.
    private const string LostAndFound = "lost+found";

    private const int MostAttempts = 10;

    private BackupRepository(string path) => Root = path;

    /// <summary>The repository's absolute path.</summary>
    public string Root { get; }

    /// <summary>
    /// Where the sockets of all storage daemons lie that copy from a repository, whatever for: whoever looks for those that a dead command left
    /// finds them there.
    /// </summary>
    public static string RuntimeDirectory(string runtimeRoot) => Path.Combine(runtimeRoot, "repository");

    /// <summary>Opens a repository.</summary>
    /// <param name="create">Makes the directory where it is missing; else that is an error.</param>
    public static BackupRepository Open(string path, bool create)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string root = Path.GetFullPath(path);
        if (File.Exists(root))
        {
            throw new MomentException(
                BackupErrors.BackupRepositoryInvalid, $"'{root}' cannot be a backup repository: it is not a directory.", root, "Give the path of a directory.");
        }

        if (!Directory.Exists(root))
        {
            if (!create)
            {
                throw new MomentException(
                    BackupErrors.BackupRepositoryMissing, $"There is no backup repository '{root}'.", root,
                    "Check the path, and whether the file system it lies on is mounted.");
            }

            MadeDirectories.Make(root);
        }

        return new BackupRepository(root);
    }

    /// <summary>Takes the lock of a machine's directory; the error says who holds it. Other machines' are free meanwhile.</summary>
    public Task<FileLock> TakeLockAsync(string domainDirectory, string operation, TimeSpan timeout, CancellationToken cancellation)
    {
        RequireOurs(domainDirectory);
        return FileLock.TakeAsync(Path.Combine(domainDirectory, LockName), operation, timeout, cancellation);
    }

    /// <summary>Finishes or removes what interrupted commands left in a machine's directory, and says so. The lock must be held.</summary>
    public Task RecoverAsync(string domainDirectory, IOperationReport report, CancellationToken cancellation)
    {
        RequireOurs(domainDirectory);
        cancellation.ThrowIfCancellationRequested();
        RepositoryRecovery.Run(domainDirectory, report);
        return Task.CompletedTask;
    }

    /// <summary>The directories of all machines, by name.</summary>
    public IReadOnlyList<string> DomainDirectories() =>
        [.. List(Root).Where(path => MomentNames.DomainRule(Path.GetFileName(path)) is null && !IsFileSystems(path)).Order(StringComparer.Ordinal)];

    /// <summary>The directory of the machine with this UUID, whatever it was called then, or null.</summary>
    public string? FindDomain(Guid uuid) => DomainDirectories().FirstOrDefault(directory => DomainMarker.Read(directory) == uuid);

    /// <summary>The directory of a machine by its name: that of its newest backup, or that of the directory.</summary>
    public string FindDomain(string vm)
    {
        IReadOnlyList<string> all = DomainDirectories();
        return all.FirstOrDefault(directory => NameOf(directory) == vm)
            ?? all.FirstOrDefault(directory => Path.GetFileName(directory) == vm)
            ?? throw BackupErrors.NotFound(
                BackupErrors.BackupDomainNotFound, $"The backup repository '{Root}' has no backups of a machine {XmlErrors.Quote(vm)}.", vm, all.Select(NameOf), "machines in it");
    }

    /// <summary>The names of machines that a name or a pattern means, in order.</summary>
    public IReadOnlyList<string> FindNames(string nameOrPattern)
    {
        if (nameOrPattern.AsSpan().IndexOfAny("*?[") < 0)
        {
            FindDomain(nameOrPattern);
            return [nameOrPattern];
        }

        var pattern = new WildcardPattern(nameOrPattern);
        return [.. DomainDirectories().Select(NameOf).Where(pattern.IsMatch).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    /// <summary>The directory for a machine's backups, made where it is missing, under the lock of the whole repository.</summary>
    public async Task<string> MakeDomainAsync(string vm, Guid uuid, string operation, TimeSpan timeout, CancellationToken cancellation)
    {
        if (FindDomain(uuid) is { } known)
            return known;
        using FileLock held = await FileLock.TakeAsync(Path.Combine(Root, LockName), operation, timeout, cancellation);
        return DomainDirectory(vm, uuid);
    }

    /// <summary>The directory for a machine's backups, made where it is missing. The lock of the repository must be held.</summary>
    public string DomainDirectory(string vm, Guid uuid)
    {
        if (FindDomain(uuid) is { } known)
            return known;
        MomentNames.CheckDomain(vm);
        string directory = Path.Combine(Root, vm);
        if (Directory.Exists(directory) && DomainMarker.Read(directory) is { } other)
        {
            throw new MomentException(
                BackupErrors.BackupDomainConflict,
                $"The backup repository '{Root}' already has backups of another machine '{vm}', with the UUID {other} where this one has {uuid}.", vm,
                "Rename one of the two machines, or use a repository of its own for each.");
        }

        // Backups that nobody can tell the owner of are not mixed with another machine's.
        if (Directory.Exists(directory) && List(directory).Any(path => BackupId.IsValid(Path.GetFileName(path))))
            throw BackupErrors.ManifestBroken(directory, "it holds backups, and neither its mark nor any manifest says of which machine");
        MadeDirectories.Make(directory);
        DomainMarker.Write(directory, uuid);
        return directory;
    }

    /// <summary>The backups in a machine's directory, the oldest first.</summary>
    /// <param name="broken">Told each backup that cannot be read; the others are read all the same.</param>
    public IReadOnlyList<BackupManifest> Backups(string domainDirectory, Action<MomentException> broken)
    {
        RequireOurs(domainDirectory);
        Guid? uuid = DomainMarker.Read(domainDirectory);
        for (int attempt = 1; ; attempt++)
        {
            List<BackupManifest> backups = [];
            List<MomentException> failures = [];
            bool moved = false;
            foreach (string directory in BackupPlaces.Backups(List(domainDirectory)))
            {
                try
                {
                    BackupManifest manifest = BackupManifestFile.Read(directory);
                    if (uuid is not null && manifest.Uuid != uuid)
                        throw BackupErrors.ManifestBroken(Path.Combine(directory, BackupManifest.FileName), $"it is that of a machine with the UUID {manifest.Uuid}, and the directory is that of {uuid}");
                    backups.Add(manifest);
                }
                catch (MomentException failure)
                {
                    failures.Add(failure);
                    moved |= !Directory.Exists(directory);
                }
            }

            // What was removed, or moved, between the listing and the reading is not broken.
            if (moved && attempt < MostAttempts)
                continue;
            failures.ForEach(broken);
            return backups;
        }
    }

    /// <summary>An id for the next backup of a machine, behind all that are there. The lock must be held.</summary>
    public string NextId(string domainDirectory, DateTimeOffset now)
    {
        RequireOurs(domainDirectory);
        return BackupId.New(now, List(domainDirectory).Select(path => Path.GetFileName(path)).Where(BackupId.IsValid).Order(StringComparer.Ordinal).LastOrDefault());
    }

    /// <summary>Begins a backup beside the published ones. The lock must be held.</summary>
    public BackupStaging Stage(string domainDirectory, Guid uuid, string id, IOperationReport report)
    {
        RequireOurs(domainDirectory);
        return BackupStaging.Begin(this, domainDirectory, uuid, id, report);
    }

    private void RequireOurs(string domainDirectory)
    {
        if (Path.GetDirectoryName(domainDirectory) != Root)
            throw new ArgumentException($"'{domainDirectory}' is no machine's directory in the repository '{Root}'.", nameof(domainDirectory));
    }

    private static bool IsFileSystems(string directory) =>
        Path.GetFileName(directory) == LostAndFound && !File.Exists(Path.Combine(directory, DomainMarker.FileName));

    private static string[] List(string directory)
    {
        try
        {
            return Directory.GetDirectories(directory);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "list", directory);
        }
    }

    // The name may have changed from backup to backup; the newest that can be read says the present one.
    private static string NameOf(string directory)
    {
        try
        {
            foreach (string backup in List(directory).Where(path => BackupId.IsValid(Path.GetFileName(path))).OrderDescending(StringComparer.Ordinal))
            {
                try
                {
                    return BackupManifestFile.Read(backup).Vm;
                }
                catch (MomentException broken) when (broken.Kind is ErrorKind.CorruptData or ErrorKind.Unsupported)
                {
                    // Whoever lists the backups is told; here the next older one will do.
                }
            }
        }
        catch (MomentException denied) when (denied.Kind == ErrorKind.AccessDenied)
        {
            // Another user's machine keeps nobody from his own.
        }

        return Path.GetFileName(directory);
    }
}
