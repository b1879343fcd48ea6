using MomentTools.Files;
using MomentTools.Machines;

namespace MomentTools.Operations.Backups.Retention;

/// <summary>
/// Remove-VMBackup and Merge-VMBackup: remove backups by id, all that no keep-rule keeps, or what is folded into another, so that every other stays restorable. Where one that stays stands on one that
/// goes, it first gets files of its own. Then, without the repository's lock, the machine's checkpoints of the removed backups go.
/// </summary>
/// <param name="context">What operations work with.</param>
/// <param name="runtimeDirectory">Where the sockets of storage daemons may lie.</param>
/// <param name="cmdlet">The command, for who waits for it.</param>
internal sealed class BackupRetention(EngineContext context, string runtimeDirectory, string cmdlet = "Remove-VMBackup")
{
    /// <summary>What a removal would do with each backup of the machine; nothing is changed.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="path">The repository.</param>
    /// <param name="choose">Which backups go.</param>
    /// <param name="report">Told what is left alone.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<IReadOnlyList<VMBackupPlan>> PlanAsync(string vm, string path, Func<BackupSurvey, RemovalChoice> choose, IOperationReport report, CancellationToken cancellation)
    {
        (BackupRepository repository, string directory) = Find(vm, path);
        (BackupSurvey survey, RemovalChoice choice, RemovalPlan plan) = await DecideAsync(repository, directory, choose, report, cancellation);
        return await RemovalRows.EstimateAsync(repository.Root, survey, choice, plan, cancellation);
    }

    /// <summary>Removes them.</summary>
    /// <returns>What was done with each backup of the machine.</returns>
    public async Task<IReadOnlyList<VMBackupPlan>> RunAsync(string vm, string path, Func<BackupSurvey, RemovalChoice> choose, IOperationReport report, CancellationToken cancellation)
    {
        (BackupRepository repository, string directory) = Find(vm, path);
        BackupSurvey survey;
        IReadOnlyList<VMBackupPlan> rows;
        using (FileLock held = await repository.TakeLockAsync(directory, cmdlet, context.LockTimeout, cancellation))
        {
            await repository.RecoverAsync(directory, report, cancellation);
            (survey, RemovalChoice choice, RemovalPlan plan) = await DecideAsync(repository, directory, choose, report, cancellation);
            var rewrite = new RepositoryRewrite(repository, runtimeDirectory, context.Probe);
            var removal = new BackupRemoval(
                (step, backups, told, stop) => rewrite.RunAsync(directory, step, backups, told, stop), context.Probe, stop => RequireUnusedAsync(repository.Root, directory, survey.Vm, choice.Remove, report, stop));
            foreach (BrokenBackup broken in choice.RemoveBroken)
                removal.Delete(broken.Directory, report);
            IReadOnlyList<BackupManifest> left = await removal.RunAsync(plan, survey.Backups, report, cancellation);
            rows = RemovalRows.Done(repository.Root, survey, choice, plan, left);
            if (rows.Any(row => !row.Keep) && !left.Any(survey.Restores))
                report.Warning($"The repository '{repository.Root}' has no backup of '{survey.Vm}' any more that can be restored.");
        }

        context.Probe?.Invoke("backup-removal:checkpoints");
        if (rows.Any(row => !row.Keep) && DomainMarker.Read(directory) is { } uuid)
            await new BackupCheckpoints(context).RemoveOrphansAsync(repository.Root, directory, uuid, report, cancellation);
        return rows;
    }

    // A machine that is registered here is found by its UUID, whatever it was called when it was backed up.
    private (BackupRepository Repository, string Directory) Find(string vm, string path)
    {
        BackupRepository repository = BackupRepository.Open(path, create: false);
        Guid? uuid = context.Catalogue.Names().Contains(vm, StringComparer.Ordinal) ? context.Catalogue.Load(context.Catalogue.Place(vm)).Uuid : null;
        return (repository, uuid is { } known && repository.FindDomain(known) is { } directory ? directory : repository.FindDomain(vm));
    }

    // A machine may have been started on one since: it runs without the repository's lock.
    private async Task RequireUnusedAsync(string root, string directory, string vm, IReadOnlySet<string> remove, IOperationReport report, CancellationToken cancellation)
    {
        foreach ((string id, string who) in await new BackupUse(context.Catalogue).FindAsync(root, directory, report, cancellation))
            if (remove.Contains(id))
                throw RetentionErrors.InUse(vm, id, who);
    }

    private async Task<(BackupSurvey Survey, RemovalChoice Choice, RemovalPlan Plan)> DecideAsync(
        BackupRepository repository, string directory, Func<BackupSurvey, RemovalChoice> choose, IOperationReport report, CancellationToken cancellation)
    {
        // What a command that died left open is nobody's use.
        await StorageDaemon.EndOrphansAsync(runtimeDirectory, cancellation);
        BackupSurvey survey = await BackupSurvey.MakeAsync(repository, directory, new BackupUse(context.Catalogue), report, cancellation);
        RemovalChoice choice = choose(survey);
        foreach (BrokenBackup broken in survey.Broken.Except(choice.RemoveBroken))
            report.Warning($"The backup '{broken.Id}' is left alone, and what it may stand on with it: {broken.Failure.Message}");
        return (survey, choice, RemovalPlan.Make(survey.Backups, choice.Remove));
    }
}
