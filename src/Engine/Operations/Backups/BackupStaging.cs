using System.Security.Cryptography;
using System.Text;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Operations.Backups;

/// <summary>
/// A backup that is being made, in <c>.ID.partial</c> beside the published ones. Publishing flushes everything and then
/// renames the directory: that is the one instant at which the backup comes to be. Disposing it before removes it.
/// </summary>
internal sealed class BackupStaging : IAsyncDisposable
{
    private const string Suffix = ".partial";
    private const string OwnerSuffix = ".owner";

    private readonly BackupRepository _repository;
    private readonly string _domainDirectory;
    private readonly Guid _uuid;
    private readonly string _id;
    private readonly IOperationReport _report;
    private bool _published;

    private BackupStaging(BackupRepository repository, string domainDirectory, Guid uuid, string id, IOperationReport report)
    {
        _repository = repository;
        _domainDirectory = domainDirectory;
        _uuid = uuid;
        _id = id;
        _report = report;
        Directory = Path.Combine(domainDirectory, '.' + id + Suffix);
    }

    /// <summary>Where the disks' files are to be written.</summary>
    public string Directory { get; }

    private string FinalDirectory => Path.Combine(_domainDirectory, _id);

    private string OwnerPath => OwnerOf(Directory);

    /// <summary>The name by which a disk's file is to name that of its parent as its backing file.</summary>
    public static string BackingName(string parentId, string disk) => $"../{parentId}/{BackupManifestRules.FileName(disk)}";

    /// <summary>The file to write a disk's content to.</summary>
    public string DiskPath(string disk) => BackupManifestRules.DiskName(disk) is { } rule
        ? throw new MomentException(BackupErrors.BackupImageMismatch, $"The disk cannot be backed up: {rule}.", disk, "Change the target name of the disk in the machine's document.")
        : Path.Combine(Directory, BackupManifestRules.FileName(disk));

    /// <summary>Hashes and flushes the disks' files, writes the documents, and makes the backup appear.</summary>
    /// <param name="manifest">All that is known of the backup but sizes of files and hashes.</param>
    /// <returns>The manifest as it was written.</returns>
    public async Task<BackupManifest> PublishAsync(BackupManifest manifest, string domainXml, CancellationToken cancellation)
    {
        if (manifest.Id != _id || manifest.Uuid != _uuid)
            throw new ArgumentException($"The manifest is that of the backup {manifest.Id} of {manifest.Uuid}.", nameof(manifest));
        List<BackupManifestDisk> disks = await CompleteAsync(manifest, cancellation);
        byte[] domain = Encoding.UTF8.GetBytes(domainXml);
        BackupManifest complete = manifest with { Directory = Directory, Disks = disks, DomainHash = Convert.ToHexStringLower(SHA256.HashData(domain)) };
        CheckChains(complete);
        byte[] bytes = BackupManifestFile.ToBytes(complete);
        // What will not be read again must not be published.
        complete = BackupManifestFile.Parse(bytes, Path.Combine(Directory, BackupManifest.FileName));
        // The document may hold passwords.
        DurableFile.WriteNew(Path.Combine(Directory, BackupManifest.DomainFileName), domain);
        DurableFile.Write(Path.Combine(Directory, BackupManifest.FileName), bytes, shared: true);
        DurableFile.FlushDirectory(Directory);
        cancellation.ThrowIfCancellationRequested();
        Commit();
        return complete with { Directory = FinalDirectory };
    }

    /// <summary>Puts the directory, which is complete and flushed, in the place of the backup that is there. That one is then what is removed.</summary>
    internal void Exchange(DirectoryExchange exchange) => exchange.Run(FinalDirectory, Directory, BackupPlaces.Aside(FinalDirectory));

    /// <summary>Removes what was not published.</summary>
    public ValueTask DisposeAsync()
    {
        try
        {
            if (!_published)
                Remove(Directory);
        }
        catch (MomentException failure)
        {
            // What made the backup fail is the error to report; the next backup removes the rest.
            _report.Warning(failure.Message);
        }

        return ValueTask.CompletedTask;
    }

    internal static BackupStaging Begin(BackupRepository repository, string domainDirectory, Guid uuid, string id, IOperationReport report)
    {
        if (!BackupId.IsValid(id))
            throw new ArgumentException($"'{id}' is no id of a backup.", nameof(id));
        var staging = new BackupStaging(repository, domainDirectory, uuid, id, report);
        // Recovery has left it: somebody on another host may still write there.
        if (System.IO.Directory.Exists(staging.Directory))
        {
            throw new MomentException(
                FileErrors.FileExists, $"Cannot write the files of the backup '{id}': there is '{staging.Directory}' already: another host may still write there, or it could not be removed.", staging.Directory,
                $"Wait for that command. Where its host is gone for good, remove that directory and '{staging.OwnerPath}'.");
        }

        try
        {
            // The owner first: a staging directory without one is then always a dead process's.
            StagingOwner.Current().Write(staging.OwnerPath);
            System.IO.Directory.CreateDirectory(staging.Directory);
            return staging;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Remove(staging.Directory);
            throw FileErrors.From(failure, "make the directory", staging.Directory);
        }
    }

    /// <summary>Removes the unfinished backups whose owners are gone, and says so.</summary>
    internal static void RemoveAbandoned(string domainDirectory, IOperationReport report)
    {
        try
        {
            foreach (string directory in System.IO.Directory.GetDirectories(domainDirectory, ".*" + Suffix))
                if (BackupId.IsValid(Path.GetFileName(directory)[1..^Suffix.Length]))
                    RemoveIfAbandoned(directory, report);
            foreach (string ownerPath in System.IO.Directory.GetFiles(domainDirectory, ".*" + OwnerSuffix))
                if (BackupId.IsValid(Path.GetFileName(ownerPath)[1..^OwnerSuffix.Length]) && StagingOwner.Read(ownerPath)?.IsGone() == true)
                    DurableFile.Delete(ownerPath);
        }
        catch (Exception failure) when (failure is MomentException or IOException or UnauthorizedAccessException)
        {
            // Rubbish that cannot be removed is no reason to make no backup.
            report.Warning($"Cannot remove what interrupted backups left in '{domainDirectory}': {failure.Message}");
        }
    }

    private static void RemoveIfAbandoned(string directory, IOperationReport report)
    {
        string ownerPath = OwnerOf(directory);
        bool owned = File.Exists(ownerPath);
        StagingOwner? owner = owned ? StagingOwner.Read(ownerPath) : null;
        if (owned && owner?.IsGone() != true)
        {
            report.Verbose($"The unfinished backup '{directory}' is left alone: {(owner is null ? "its owner cannot be told" : $"process {owner.ProcessId} on {owner.Host} may still write it")}.");
            return;
        }

        Remove(directory);
        report.Warning($"Removed '{directory}', which a backup that was interrupted had left.");
    }

    // The files come to stable storage while their hashes are computed: the one waits for the disk, the other for the processor.
    private async Task<List<BackupManifestDisk>> CompleteAsync(BackupManifest manifest, CancellationToken cancellation)
    {
        foreach (BackupManifestDisk disk in manifest.Disks)
            await BackupImage.CheckAsync(DiskPath(disk.Name), disk.VirtualSize, disk.ParentId is null ? null : BackingName(disk.ParentId, disk.Name), cancellation);
        Task flushed = Task.Run(
            () =>
            {
                foreach (BackupManifestDisk disk in manifest.Disks)
                    DurableFile.FlushFile(DiskPath(disk.Name));
            },
            CancellationToken.None);
        try
        {
            return await HashAsync(manifest, cancellation);
        }
        finally
        {
            // Nothing is published, and nothing removed, while a flush is under way.
            await flushed;
        }
    }

    private async Task<List<BackupManifestDisk>> HashAsync(BackupManifest manifest, CancellationToken cancellation)
    {
        var hasher = new FileHasher();
        var progress = new ByteProgress(_report, $"Backing up {manifest.Vm}", manifest.Disks.Sum(disk => FileLength(DiskPath(disk.Name))));
        List<BackupManifestDisk> disks = [];
        foreach (BackupManifestDisk disk in manifest.Disks)
        {
            string path = DiskPath(disk.Name);
            FileHashes hashes = await hasher.HashAsync(path, manifest.Disks.Count, progress.Step($"{disk.Name}: computing hashes"), cancellation);
            disks.Add(disk with { File = Path.GetFileName(path), FileSize = hashes.Length, HashChunkSize = hashes.ChunkSize, Hash = hashes.Whole, ChunkHashes = hashes.Chunks });
        }

        return disks;
    }

    private void CheckChains(BackupManifest manifest)
    {
        IReadOnlyList<BackupManifest> others = _repository.Backups(_domainDirectory, _ => { });
        foreach (BackupManifestDisk disk in manifest.Disks)
            BackupChain.Resolve(others, manifest, disk.Name);
    }

    private void Commit()
    {
        try
        {
            System.IO.Directory.Move(Directory, FinalDirectory);
            _published = true;
            DurableFile.FlushDirectory(_domainDirectory);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "publish the backup", FinalDirectory);
        }

        try
        {
            DurableFile.Delete(OwnerPath);
        }
        catch (MomentException failure)
        {
            // The backup is there, whole; the note of its owner alone is left.
            _report.Warning(failure.Message);
        }
    }

    private static long FileLength(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : throw BackupErrors.Corrupt(path, "it is missing");

    private static string OwnerOf(string staging) => staging[..^Suffix.Length] + OwnerSuffix;

    // Without its owner the next run removes what is left of the directory, whoever is alive.
    private static void Remove(string directory)
    {
        try
        {
            DurableFile.Delete(OwnerOf(directory));
            System.IO.Directory.Delete(directory, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // It was not made yet.
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "remove the unfinished backup", directory);
        }
    }
}
