using MomentTools.Files;
using MomentTools.Operations;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Retention;

namespace MomentTools.CrashRunner;

/// <summary>Backups folded into one, for the crash harness; the argument is the repository and the backup's id.</summary>
internal static class CrashedMerges
{
    public const string Prefix = "merge-backup";

    public static async Task RunAsync(EngineContext context, string runtimeDirectory, string vm, string operation, string argument)
    {
        var report = new CrashedOperations.SilentReport();
        var request = new MergeBackupRequest { Repository = argument.Split('|')[0], Id = argument.Split('|')[1] };
        if (operation == Prefix)
        {
            await new BackupRetention(context, runtimeDirectory, "Merge-VMBackup").RunAsync(vm, request.Repository, survey => FoldedBackups.Choose(survey, request), report, CancellationToken.None);
            return;
        }

        // As on a file system that cannot exchange two names at one instant.
        BackupRepository repository = BackupRepository.Open(request.Repository, create: false);
        string directory = repository.FindDomain(vm);
        using FileLock held = await repository.TakeLockAsync(directory, operation, context.LockTimeout, CancellationToken.None);
        await repository.RecoverAsync(directory, report, CancellationToken.None);
        BackupSurvey survey = await BackupSurvey.MakeAsync(repository, directory, new BackupUse(context.Catalogue), report, CancellationToken.None);
        RemovalPlan plan = RemovalPlan.Make(survey.Backups, FoldedBackups.Choose(survey, request).Remove);
        var rewrite = new RepositoryRewrite(repository, runtimeDirectory, context.Probe, new DirectoryExchange(atomic: false, context.Probe));
        await new BackupRemoval((step, backups, told, stop) => rewrite.RunAsync(directory, step, backups, told, stop), context.Probe).RunAsync(plan, survey.Backups, report, CancellationToken.None);
    }
}
