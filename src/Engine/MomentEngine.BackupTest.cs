using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Checking;

namespace MomentTools;

/// <summary>Whether backups are what they were.</summary>
public sealed partial class MomentEngine
{
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
        string directory = repository.FindDomain(vm);
        (BackupFindings findings, _) = await new BackupTest(repository, directory, vm, report).RunAsync(request, cancellation);
        return findings.All;
    }
}
