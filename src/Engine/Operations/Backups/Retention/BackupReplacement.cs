using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Backups.Retention;

/// <summary>
/// The directory that is to take a backup's place, once its new files are written: checked, compared with the old ones byte for byte, hashed
/// and flushed; with all that does not change; and with its manifest.
/// </summary>
/// <param name="staging">The directory beside.</param>
/// <param name="old">The backup as it is.</param>
/// <param name="disks">Its new files.</param>
internal sealed class BackupReplacement(BackupStaging staging, BackupManifest old, IReadOnlyList<RewrittenDisk> disks)
{
    private readonly FileHasher _hasher = new();

    /// <returns>The manifest as it was written.</returns>
    public async Task<BackupManifest> CompleteAsync(IReadOnlyList<BackupManifest> backups, IOperationReport report, CancellationToken cancellation)
    {
        var progress = new ByteProgress(report, $"Rewriting {old.Vm}", disks.Sum(disk => new FileInfo(staging.DiskPath(disk.Name)).Length));
        Dictionary<string, BackupManifestDisk> written = new(StringComparer.Ordinal);
        foreach (RewrittenDisk disk in disks)
            written[disk.Name] = await DescribeAsync(disk, progress, cancellation);
        BackupManifest manifest = Describe(written, backups);
        foreach (RewrittenDisk disk in disks)
            await CompareAsync(disk, BackupChain.Resolve(backups, manifest, disk.Name), report, cancellation);
        TakeOver(written);
        byte[] bytes = BackupManifestFile.ToBytes(manifest);
        // What will not be read again must not be published.
        string path = Path.Combine(staging.Directory, BackupManifest.FileName);
        manifest = BackupManifestFile.Parse(bytes, path);
        DurableFile.Write(path, bytes, shared: true);
        DurableFile.FlushDirectory(staging.Directory);
        return manifest;
    }

    // The file comes to stable storage while its hashes are computed.
    private async Task<BackupManifestDisk> DescribeAsync(RewrittenDisk disk, ByteProgress progress, CancellationToken cancellation)
    {
        string path = staging.DiskPath(disk.Name);
        await BackupImage.CheckAsync(path, disk.Size, disk.BackingName, cancellation);
        Task flushed = Task.Run(() => DurableFile.FlushFile(path), CancellationToken.None);
        try
        {
            FileHashes hashes = await _hasher.HashAsync(path, old.Disks.Count, progress.Step($"{old.Id}, {disk.Name}: computing hashes"), cancellation);
            (long bytes, int runs) = await StoredAsync(path, cancellation);
            return disk.Chain.Top.Disk with
            {
                Kind = disk.ParentId is null ? VMBackupKind.Full : VMBackupKind.Incremental,
                ParentId = disk.ParentId,
                CopiedBytes = bytes,
                Extents = runs,
                FileSize = hashes.Length,
                HashChunkSize = hashes.ChunkSize,
                Hash = hashes.Whole,
                ChunkHashes = hashes.Chunks,
            };
        }
        finally
        {
            // Nothing is published, and nothing removed, while a flush is under way.
            await flushed;
        }
    }

    private BackupManifest Describe(Dictionary<string, BackupManifestDisk> written, IReadOnlyList<BackupManifest> backups)
    {
        BackupManifestDisk[] all = [.. old.Disks.Select(disk => written.GetValueOrDefault(disk.Name, disk))];
        bool full = all.All(disk => disk.Kind == VMBackupKind.Full);
        return old with
        {
            Directory = staging.Directory,
            // What it followed may be gone; what it stands on is there.
            Parent = all.Select(disk => disk.ParentId).Max(StringComparer.Ordinal),
            Kind = full ? VMBackupKind.Full : old.Kind == VMBackupKind.Full ? VMBackupKind.Incremental : old.Kind,
            Merged = DateTimeOffset.UtcNow,
            Folded = [.. disks.SelectMany(disk => disk.Left).Concat((old.Folded ?? []).Where(id => backups.Any(backup => backup.Id == id))).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            Disks = all,
        };
    }

    // Where neither the new file nor one above the common ancestor says anything, both chains end in the same files.
    private async Task CompareAsync(RewrittenDisk disk, BackupChain rewritten, IOperationReport report, CancellationToken cancellation)
    {
        await using Qcow2Chain before = await disk.Chain.OpenAsync(cancellation), after = await rewritten.OpenAsync(cancellation);
        ExtentMap told = (await AllocatedAsync(rewritten.Top.Path, cancellation)).Union(disk.Map.Blocks);
        bool all = disk.Parent is null;
        IBlockReader one = all ? before : new MaskedReader(before, told), other = all ? after : new MaskedReader(after, told);
        report.Verbose($"Comparing the new file of the disk '{disk.Name}' of the backup {old.Id} with what it replaces.");
        ExtentMap differing = await new BlockComparison(one, other, (int)RewriteMap.Granularity).RunAsync(null, cancellation);
        if (differing.Count > 0)
        {
            throw new MomentException(
                BackupErrors.BackupRewriteDiffers, $"The new file of the disk '{disk.Name}' of the backup '{old.Id}' does not show what the old ones show: it differs from offset {differing[0].Offset} on. It was not used.", old.Id,
                "Nothing was changed. Run Test-VMBackup on the repository, and look at the system's log for errors of the device and of the memory.");
        }
    }

    // Under a second name where the file system has such: what does not change is not copied, and keeps its bytes whatever happens.
    private void TakeOver(Dictionary<string, BackupManifestDisk> written)
    {
        HashSet<string> changed = [BackupManifest.FileName, .. written.Values.Select(disk => disk.File)];
        try
        {
            foreach (string path in Directory.GetFiles(old.Directory).Where(path => !changed.Contains(Path.GetFileName(path))))
            {
                string target = Path.Combine(staging.Directory, Path.GetFileName(path));
                if (Libc.TryLink(path, target))
                    continue;
                if (PlainFile.WhyNot(path) is { } why)
                    throw BackupErrors.Corrupt(path, $"it is {why}");
                File.Copy(path, target);
                DurableFile.FlushFile(target);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "take over what does not change of", old.Directory);
        }
    }

    private static async Task<(long Bytes, int Runs)> StoredAsync(string path, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        var stored = new ExtentMapBuilder();
        await foreach (Qcow2Mapping run in image.MapAsync(0, image.Length, cancellation))
            if (run is Qcow2Mapping.Data or Qcow2Mapping.Compressed)
                stored.Add(run.Offset.Value, run.Length);
        ExtentMap map = stored.Build();
        return (map.TotalLength, map.Count);
    }

    private static async Task<ExtentMap> AllocatedAsync(string path, CancellationToken cancellation)
    {
        await using Qcow2Image image = await Qcow2Image.OpenAsync(path, cancellation);
        var told = new ExtentMapBuilder();
        await foreach (Qcow2Mapping run in image.MapAsync(0, image.Length, cancellation))
            if (run is not Qcow2Mapping.Unallocated)
                told.Add(run.Offset.Value, run.Length);
        return told.Build();
    }
}
