using MomentTools.Operations.Backups.Retention;

namespace MomentTools;

/// <summary>The end of backups.</summary>
public sealed partial class MomentEngine
{
    /// <summary>What a removal of backups would do with each backup of the machine in the repository; nothing is changed.</summary>
    public Task<IReadOnlyList<VMBackupPlan>> PlanBackupRemovalAsync(string vm, RemoveBackupRequest request, IOperationReport report, CancellationToken cancellation) =>
        Retention.PlanAsync(vm, request, report, cancellation);

    /// <summary>Removes backups by id, or all that no rule keeps; every other one stays restorable.</summary>
    public Task<IReadOnlyList<VMBackupPlan>> RemoveBackupsAsync(string vm, RemoveBackupRequest request, IOperationReport report, CancellationToken cancellation) =>
        Retention.RunAsync(vm, request, report, cancellation);

    private BackupRetention Retention => new(_context, Path.Combine(_options.RuntimeRoot, "rewrite"));
}
