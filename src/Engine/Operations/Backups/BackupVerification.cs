using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups;

/// <summary>Compares backups with their manifests: every byte, what the images name, and whether all they stand on is there.</summary>
internal sealed class BackupVerification(IOperationReport report)
{
    private readonly FileHasher _hasher = new();

    /// <summary>What is wrong with one backup, with all that its disks stand on; nothing if all is well.</summary>
    /// <param name="backups">All backups of the machine that can be read.</param>
    public async IAsyncEnumerable<MomentException> FindDamageAsync(
        IReadOnlyList<BackupManifest> backups, BackupManifest backup, [EnumeratorCancellation] CancellationToken cancellation)
    {
        List<BackupChain.Link> files = [];
        List<MomentException> broken = [];
        foreach (BackupManifestDisk disk in backup.Disks)
        {
            try
            {
                files.AddRange(BackupChain.Resolve(backups, backup, disk.Name).Links);
            }
            catch (MomentException failure)
            {
                broken.Add(failure);
                // What the chain has lost does not keep the file itself from being checked.
                files.Add(new BackupChain.Link(backup, disk));
            }
        }

        foreach (MomentException failure in broken)
            yield return failure;
        if (await FindDocumentDamageAsync(backup, cancellation) is { } document)
            yield return document;
        await foreach (MomentException failure in FindDamageAsync($"Testing the backup {backup.Id}", files, cancellation))
            yield return failure;
    }

    /// <summary>What is wrong with these files, at most one finding for each; each is read once, however often it is given.</summary>
    public async IAsyncEnumerable<MomentException> FindDamageAsync(
        string activity, IEnumerable<BackupChain.Link> files, [EnumeratorCancellation] CancellationToken cancellation)
    {
        BackupChain.Link[] distinct = [.. files.DistinctBy(file => file.Path, StringComparer.Ordinal)];
        var progress = new ByteProgress(report, activity, distinct.Sum(file => file.Disk.FileSize));
        foreach (BackupChain.Link file in distinct)
        {
            MomentException? finding = null;
            try
            {
                await CheckFileAsync(file, progress.Step($"{file.Disk.Name}: comparing {file.Backup.Id} with its hashes"), cancellation);
            }
            catch (MomentException failure)
            {
                finding = failure;
            }

            if (finding is not null)
                yield return finding;
        }
    }

    private async Task CheckFileAsync(BackupChain.Link file, Action<long> advance, CancellationToken cancellation)
    {
        BackupManifestDisk disk = file.Disk;
        if (!File.Exists(file.Path))
            throw BackupErrors.Corrupt(file.Path, "it is missing");
        using (ImageFile opened = ImageFile.Open(file.Path))
        {
            if (opened.Length != disk.FileSize)
                throw BackupErrors.Corrupt(file.Path, $"it has {opened.Length} bytes where its manifest says {disk.FileSize}");
            if (await _hasher.FindDamageAsync(opened, new FileHashes(disk.FileSize, disk.HashChunkSize, disk.ChunkHashes), advance, cancellation) is { } offset)
                throw BackupErrors.Corrupt(file.Path, $"the {disk.HashChunkSize} bytes at offset {offset} do not agree with their hash");
        }

        await BackupImage.CheckAsync(file.Path, disk.VirtualSize, file.BackingName, cancellation);
    }

    private static async Task<MomentException?> FindDocumentDamageAsync(BackupManifest backup, CancellationToken cancellation)
    {
        string path = Path.Combine(backup.Directory, BackupManifest.DomainFileName);
        try
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1);
            byte[] hash = await SHA256.HashDataAsync(file, cancellation);
            return Convert.ToHexStringLower(hash) == backup.DomainHash ? null : BackupErrors.Corrupt(path, "it does not agree with its hash");
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            return BackupErrors.Corrupt(path, "it is missing");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return FileErrors.From(failure, "read", path);
        }
    }
}
