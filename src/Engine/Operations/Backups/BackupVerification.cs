using System.Runtime.CompilerServices;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups;

/// <summary>Compares disks' files of backups with their manifests: every byte, and what the images name.</summary>
internal sealed class BackupVerification(IOperationReport report)
{
    private readonly FileHasher _hasher = new();

    /// <summary>What is wrong with these files, at most one finding for each; each is read once, however often it is given.</summary>
    public async IAsyncEnumerable<MomentException> FindDamageAsync(
        string activity, IEnumerable<BackupChain.Link> files, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (BackupDamage damage in CheckAsync(activity, files, cancellation))
            yield return damage.Failure;
    }

    /// <summary>The same, with the place of each damage.</summary>
    /// <param name="activity">What is being done, for progress.</param>
    /// <param name="files">The files.</param>
    /// <param name="cancellation">Stops it.</param>
    public async IAsyncEnumerable<BackupDamage> CheckAsync(
        string activity, IEnumerable<BackupChain.Link> files, [EnumeratorCancellation] CancellationToken cancellation)
    {
        BackupChain.Link[] distinct = [.. files.DistinctBy(file => file.Path, StringComparer.Ordinal)];
        var progress = new ByteProgress(report, activity, distinct.Sum(file => file.Disk.FileSize));
        foreach (BackupChain.Link file in distinct)
        {
            BackupDamage? finding = null;
            try
            {
                finding = await CheckFileAsync(file, progress.Step($"{file.Disk.Name}: comparing {file.Backup.Id} with its hashes"), cancellation);
            }
            catch (MomentException failure)
            {
                finding = new BackupDamage(file, failure, null);
            }

            if (finding is not null)
                yield return finding;
        }
    }

    private async Task<BackupDamage?> CheckFileAsync(BackupChain.Link file, Action<long> advance, CancellationToken cancellation)
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

            if (await _hasher.FindDamageAsync(opened, new FileHashes(disk.FileSize, disk.HashChunkSize, disk.ChunkHashes), advance, cancellation) is { } offset)
            {
                long length = Math.Min(disk.HashChunkSize, disk.FileSize - offset);
                return new BackupDamage(file, BackupErrors.Corrupt(file.Path, $"the {length} bytes at offset {offset} do not agree with their hash"), offset);
            }
        }

        await BackupImage.CheckAsync(file.Path, disk.VirtualSize, file.BackingName, cancellation);
        return null;
    }
}
