using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Checking;

namespace MomentTools;

/// <summary>Whether backups are what they were.</summary>
public sealed partial class MomentEngine
{
    /// <summary>The names of the machines in a repository that a name or a wildcard pattern means; a plain name that matches nothing is an error (BackupDomainNotFound).</summary>
    /// <param name="repository">The repository's directory.</param>
    /// <param name="nameOrPattern">A name as it was at the time of a backup, or a pattern.</param>
    public Task<IReadOnlyList<string>> FindBackedUpAsync(string repository, string nameOrPattern)
    {
        BackupRepository opened = BackupRepository.Open(repository, create: false);
        bool known = UuidOf(nameOrPattern) is { } uuid && opened.FindDomain(uuid) is not null;
        return Task.FromResult(known ? [nameOrPattern] : opened.FindNames(nameOrPattern));
    }

    /// <summary>
    /// What is wrong with backups of a machine; nothing where all is well. Every file is read and compared with its hashes, once, with all that
    /// the backups stand on; nothing in the repository is changed.
    /// </summary>
    /// <param name="vm">The machine as it was named when it was backed up.</param>
    /// <param name="request">Which backups, and how far.</param>
    /// <param name="report">Where progress goes, and what could not be looked at.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<IReadOnlyList<VMBackupFinding>> TestBackupsAsync(string vm, TestBackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        BackupRepository repository = BackupRepository.Open(request.Repository, create: false);
        // A machine that is known here may have been renamed since.
        string directory = UuidOf(vm) is { } uuid && repository.FindDomain(uuid) is { } known ? known : repository.FindDomain(vm);
        (BackupFindings findings, IReadOnlyList<BackupManifest> tested, IReadOnlyList<BackupManifest> backups) = await new BackupTest(repository, directory, vm, report).RunAsync(request, cancellation);
        if (request.Source)
            await new SourceComparison(_context, vm, findings, report).RunAsync(backups, tested, request.Disks, cancellation);
        if (request.Boot)
            await new BootTest(new BackupBoot(_options.StateRoot, _options.RuntimeRoot, report), findings, report).RunAsync(backups, tested, request, cancellation);
        return findings.All;
    }

    private Guid? UuidOf(string vm) =>
        _context.Catalogue.Names().Contains(vm, StringComparer.Ordinal) ? _context.Catalogue.Load(_context.Catalogue.Place(vm)).Uuid : null;
}
