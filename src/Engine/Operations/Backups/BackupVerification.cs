using MomentTools.Errors;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups;

/// <summary>Compares the files of backups with their manifests: every byte, and what the images name.</summary>
internal sealed class BackupVerification(IOperationReport report)
{
    private readonly FileHasher _hasher = new();

    /// <summary>What is wrong, at most one finding for each file; nothing if all is well.</summary>
    /// <param name="files">The files; each is read once, however often it is given.</param>
    public async Task<IReadOnlyList<MomentException>> CheckAsync(string activity, IEnumerable<BackupChain.Link> files, CancellationToken cancellation)
    {
        BackupChain.Link[] distinct = [.. files.DistinctBy(file => file.Path, StringComparer.Ordinal)];
        var progress = new ByteProgress(report, activity, distinct.Sum(file => file.Disk.FileSize));
        List<MomentException> findings = [];
        foreach (BackupChain.Link file in distinct)
        {
            try
            {
                await CheckFileAsync(file, progress.Step($"{file.Disk.Name}: comparing {file.Backup.Id} with its hashes"), cancellation);
            }
            catch (MomentException finding)
            {
                findings.Add(finding);
            }
        }

        return findings;
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
}
