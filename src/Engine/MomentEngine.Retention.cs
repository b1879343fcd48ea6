using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Retention;

namespace MomentTools;

/// <summary>The end of backups.</summary>
public sealed partial class MomentEngine
{
    /// <summary>What a removal of backups would do with each backup of the machine in the repository; nothing is changed.</summary>
    public Task<IReadOnlyList<VMBackupPlan>> PlanBackupRemovalAsync(string vm, RemoveBackupRequest request, IOperationReport report, CancellationToken cancellation) =>
        Retention.PlanAsync(vm, request.Repository, survey => RemovalChoice.Make(survey, request), report, cancellation);

    /// <summary>Removes backups by id, or all that no rule keeps; every other one stays restorable.</summary>
    public Task<IReadOnlyList<VMBackupPlan>> RemoveBackupsAsync(string vm, RemoveBackupRequest request, IOperationReport report, CancellationToken cancellation) =>
        Retention.RunAsync(vm, request.Repository, survey => RemovalChoice.Make(survey, request), report, cancellation);

    /// <summary>What folding backups into one would do with each backup of the machine; nothing is changed.</summary>
    public Task<IReadOnlyList<VMBackupPlan>> PlanBackupMergeAsync(string vm, MergeBackupRequest request, IOperationReport report, CancellationToken cancellation) =>
        Merging.PlanAsync(vm, request.Repository, survey => FoldedBackups.Choose(survey, request), report, cancellation);

    /// <summary>Folds what a backup stands on into it, down to one that stays beneath it, or all; what is folded is no restore point any more. Nothing else changes.</summary>
    /// <returns>The backup as it is then.</returns>
    public async Task<VMBackup> MergeBackupAsync(string vm, MergeBackupRequest request, IOperationReport report, CancellationToken cancellation)
    {
        IReadOnlyList<VMBackupPlan> rows = await Merging.RunAsync(vm, request.Repository, survey => FoldedBackups.Choose(survey, request), report, cancellation);
        if (rows.All(row => row.Keep))
            report.Verbose($"Nothing lies between the backup '{request.Id}' and what it is to stand on: nothing was changed.");
        return (await GetBackupsAsync(request.Repository, rows.First(row => row.BackupId == request.Id).VM, request.Id, report, cancellation))[0];
    }

    private BackupRetention Merging => new(_context, BackupRepository.RuntimeDirectory(_options.RuntimeRoot), "Merge-VMBackup");

    private BackupRetention Retention => new(_context, BackupRepository.RuntimeDirectory(_options.RuntimeRoot));
}
