using MomentTools.Operations;
using MomentTools.Operations.Backups.Making;
using MomentTools.Operations.Backups.Restoring;

namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>Backs a machine up into a repository and makes the checkpoint that the next increment starts from.</summary>
    public Task<VMBackup> BackupAsync(string vm, BackupRequest request, IOperationReport report, CancellationToken cancellation) =>
        new BackupCreation(_context).RunAsync(vm, AskedBackup.Of(request), report, cancellation);

    /// <summary>The backups in a repository, oldest first.</summary>
    /// <param name="repository">The repository's directory.</param>
    /// <param name="vm">A machine's name or a wildcard pattern, or null for all.</param>
    /// <param name="id">A backup's id, or null for all.</param>
    /// <param name="report">Where broken manifests are told.</param>
    /// <param name="cancellation">Stops the work.</param>
    public Task<IReadOnlyList<VMBackup>> GetBackupsAsync(string repository, string? vm, string? id, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(report);
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(new BackupListing(repository, vm, report).Backups(id));
    }

    /// <summary>The same machine by machine, each in the order of its tree: below each backup what stands on it.</summary>
    public Task<IReadOnlyList<VMBackup>> GetBackupTreeAsync(string repository, string? vm, string? id, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(report);
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(new BackupListing(repository, vm, report).Tree(id));
    }

    /// <summary>The same as <c>&lt;domainbackup&gt;</c> documents of libvirt, oldest first.</summary>
    public Task<IReadOnlyList<string>> GetBackupXmlAsync(string repository, string? vm, string? id, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(report);
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(new BackupListing(repository, vm, report).Documents(id));
    }

    /// <summary>
    /// Restores disks of a backup: to new files, to a new domain, or onto the stopped machine's own disks, where only what differs is written.
    /// Existing files are never overwritten, the repository is never changed.
    /// </summary>
    public Task<IReadOnlyList<VMRestoredDisk>> RestoreBackupAsync(string vm, RestoreBackupRequest request, IOperationReport report, CancellationToken cancellation) =>
        new RestoreOperation(_context, _options.RuntimeRoot).RunAsync(vm, request, report, cancellation);

    /// <summary>What a restore in place would write, by disk; nothing is changed.</summary>
    public Task<IReadOnlyList<VMRestoredDisk>> PlanBackupRestoreAsync(string vm, RestoreBackupRequest request, IOperationReport report, CancellationToken cancellation) =>
        new RestoreOperation(_context, _options.RuntimeRoot).PlanAsync(vm, request, report, cancellation);
}
