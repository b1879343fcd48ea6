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
        await foreach (BackupDamage damage in CheckAsync(activity, files, hashed: true, cancellation))
            yield return damage.Failure;
    }

    /// <summary>The same, with the place of each damage.</summary>
    /// <param name="activity">What is being done, for progress.</param>
    /// <param name="files">The files.</param>
    /// <param name="hashed">Whether every byte is read; else sizes and headers alone are looked at.</param>
    /// <param name="cancellation">Stops it.</param>
    public async IAsyncEnumerable<BackupDamage> CheckAsync(
        string activity, IEnumerable<BackupChain.Link> files, bool hashed, [EnumeratorCancellation] CancellationToken cancellation)
    {
        BackupChain.Link[] distinct = [.. files.DistinctBy(file => file.Path, StringComparer.Ordinal)];
        var progress = new ByteProgress(report, activity, distinct.Sum(file => file.Disk.FileSize));
        foreach (BackupChain.Link file in distinct)
        {
            BackupDamage? finding = null;
            try
            {
                finding = await CheckFileAsync(file, hashed, progress.Step($"{file.Disk.Name}: comparing {file.Backup.Id} with its hashes"), cancellation);
            }
            catch (MomentException failure)
            {
                finding = new BackupDamage(file, failure, null);
            }

            if (finding is not null)
                yield return finding;
        }
    }

    private async Task<BackupDamage?> CheckFileAsync(BackupChain.Link file, bool hashed, Action<long> advance, CancellationToken cancellation)
    {
        BackupManifestDisk disk = file.Disk;
        if (PlainFile.WhyNot(file.Path) is { } why)
            throw BackupErrors.Corrupt(file.Path, $"it is {why}");
        using (ImageFile opened = ImageFile.Open(file.Path))
        {
            if (opened.Length != disk.FileSize)
            {
                return new BackupDamage(
                    file, BackupErrors.Corrupt(file.Path, $"it has {opened.Length} bytes where its manifest says {disk.FileSize}"), Math.Min(opened.Length, disk.FileSize));
            }

            if (hashed && await _hasher.FindDamageAsync(opened, new FileHashes(disk.FileSize, disk.HashChunkSize, disk.ChunkHashes), advance, cancellation) is { } offset)
            {
                long length = Math.Min(disk.HashChunkSize, disk.FileSize - offset);
                return new BackupDamage(file, BackupErrors.Corrupt(file.Path, $"the {length} bytes at offset {offset} do not agree with their hash"), offset);
            }
        }

        await BackupImage.CheckAsync(file.Path, disk.VirtualSize, file.BackingName, cancellation);
        return null;
    }

    private static async Task<MomentException?> FindDocumentDamageAsync(BackupManifest backup, CancellationToken cancellation)
    {
        string path = Path.Combine(backup.Directory, BackupManifest.DomainFileName);
        try
        {
            await using FileStream file = PlainFile.OpenRead(path);
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
