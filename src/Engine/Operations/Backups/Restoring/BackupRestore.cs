namespace MomentTools.Operations.Backups.Restoring;

/// <summary>Restores disks of a backup to new files: copied while all that is read is compared with its hashes, and published once both have ended well.</summary>
/// <param name="context">What operations work with.</param>
/// <param name="runtimeDirectory">Where the storage daemon's socket may lie.</param>
internal sealed class BackupRestore(EngineContext context, string runtimeDirectory)
{
    /// <summary>Restores all of it, or nothing.</summary>
    public async Task<IReadOnlyList<VMRestoredDisk>> RunAsync(BackupSelection selection, RestoreBackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        string directory = Path.GetFullPath(request.Destination!);
        RestoreNote.Sweep(directory, uuid => context.Catalogue.NameOf(uuid) is not null, report);
        using var files = new RestoreFiles(directory, selection.Disks.Select(disk => (disk, $"{disk}.{request.Format}")), null, report);
        IReadOnlyDictionary<string, long> written = await CopyAsync(selection, files, request.Format, report, cancellation);
        await files.PublishAsync(null);
        context.Probe?.Invoke("restore-files:published");
        return [.. selection.Chains.Select(chain => Result(selection, chain, files, request.Format, written))];
    }

    /// <summary>Makes the files under their temporary names, whole and flushed.</summary>
    /// <returns>The bytes that were written, by disk.</returns>
    public async Task<IReadOnlyDictionary<string, long>> CopyAsync(
        BackupSelection selection, RestoreFiles files, string format, IOperationReport report, CancellationToken cancellation)
    {
        files.Begin();
        context.Probe?.Invoke("restore-files:begun");
        IReadOnlyDictionary<string, long> written = await new CheckedFiles(selection, report).WhileAsync(
            token => new DiskCopies(runtimeDirectory).RunAsync(selection, files, format, report, token), cancellation);
        context.Probe?.Invoke("restore-files:copied");
        cancellation.ThrowIfCancellationRequested();
        return written;
    }

    public static VMRestoredDisk Result(BackupSelection selection, BackupChain chain, RestoreFiles files, string format, IReadOnlyDictionary<string, long> written) => new()
    {
        VM = selection.Backup.Vm,
        BackupId = selection.Backup.Id,
        Disk = chain.Top.Disk.Name,
        Path = files.PathOf(chain.Top.Disk.Name),
        Format = format,
        Size = chain.Top.Disk.VirtualSize,
        WrittenBytes = written[chain.Top.Disk.Name],
    };
}
