using MomentTools.Errors;

namespace MomentTools.Operations.Backups.Retention;

/// <summary>
/// Does what a plan of a removal says: rewrites survivors, then removes, leaves first. Each step is whole at one instant; wherever it ends, every
/// survivor restores, and whoever changes the directory next clears up.
/// </summary>
/// <param name="rewrite">Gives a backup other parents; told all backups as they are then.</param>
/// <param name="probe">Called at each step with its name; tests kill the process there.</param>
/// <param name="check">Called when all is rewritten, which takes its time, before the first backup goes; it throws where one of them must stay.</param>
internal sealed class BackupRemoval(
    Func<RewriteStep, IReadOnlyList<BackupManifest>, IOperationReport, CancellationToken, Task<BackupManifest>> rewrite, Action<string>? probe, Func<CancellationToken, Task>? check = null)
{
    /// <summary>Runs the plan; the lock of the machine's directory must be held, and what was interrupted in it recovered.</summary>
    /// <param name="plan">What to do.</param>
    /// <param name="backups">All backups of the machine that can be read.</param>
    /// <param name="report">Told each step.</param>
    /// <param name="cancellation">Stops between two steps, or within a rewriting.</param>
    /// <returns>The backups that are left, in their order.</returns>
    public async Task<IReadOnlyList<BackupManifest>> RunAsync(RemovalPlan plan, IReadOnlyList<BackupManifest> backups, IOperationReport report, CancellationToken cancellation)
    {
        List<BackupManifest> left = [.. backups];
        foreach (RewriteStep step in plan.Rewrites)
        {
            cancellation.ThrowIfCancellationRequested();
            int at = left.FindIndex(backup => backup.Id == step.Backup.Id);
            left[at] = await rewrite(step with { Backup = left[at] }, left, report, cancellation);
            probe?.Invoke("backup-removal:rewritten");
        }

        if (check is not null && plan.Rewrites.Count > 0)
            await check(cancellation);
        foreach (BackupManifest backup in plan.Remove)
        {
            cancellation.ThrowIfCancellationRequested();
            Delete(backup.Directory, report);
            left.RemoveAll(one => one.Id == backup.Id);
        }

        return left;
    }

    /// <summary>Removes one directory of a backup, whatever is in it.</summary>
    public void Delete(string directory, IOperationReport report)
    {
        try
        {
            BackupDeletion.Run(directory, probe);
        }
        catch (MomentException failure) when (!Directory.Exists(directory))
        {
            // It is no backup any more; only its space is not free yet.
            report.Warning($"The backup '{directory}' is removed, but its files are not deleted yet, which the next command that changes it tries again: {failure.Message}");
            return;
        }

        report.Verbose($"Removed the backup '{directory}'.");
    }
}
