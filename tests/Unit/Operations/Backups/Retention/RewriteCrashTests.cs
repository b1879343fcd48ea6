using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Retention;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Backups.Retention;

/// <summary>
/// Backups are folded by a process that is killed at each of its steps. Right after, before anything is recovered, every backup that is there
/// restores to the byte; then the same command runs again and leaves nothing but what it was to leave.
/// </summary>
[Trait("Proof", "crash")]
public sealed class RewriteCrashTests(ITestOutputHelper output)
{

    [SkippableTheory]
    [InlineData("merge-backup")]
    [InlineData("merge-backup-by-renames")]
    public async Task AProcessKilledAtAnyStepLosesNoBackup(string operation)
    {
        (GeneratedChains made, MergeBackupRequest request, RemovalPlan plan) = await PrepareAsync();
        using GeneratedChains chains = made;
        chains.Keep();
        List<BackupManifest> backups = chains.Backups();
        string[] going = [.. plan.Remove.Select(backup => backup.Id)];
        await CrashHarness.RunAsync(output, operation, async (step, where) =>
        {
            chains.Reset();
            if (!CrashHarness.Dies(chains.State, chains.Runtime, GeneratedChains.Vm, step, operation, $"{request.Repository}|{request.Id}"))
                return false;

            await chains.AssertRestoreAsync(where);
            Assert.Empty(backups.Select(backup => backup.Id).Except(chains.Backups().Select(backup => backup.Id)).Except(going));
            var engine = new MomentEngine(new MomentEngineOptions { StateRoot = chains.State, RuntimeRoot = chains.Runtime });
            VMBackup merged = await engine.MergeBackupAsync(GeneratedChains.Vm, request, new TestReport(), CancellationToken.None);
            Assert.Empty(merged.DependsOn);
            Assert.Equal(backups.Select(backup => backup.Id).Except(going), chains.Backups().Select(backup => backup.Id));
            await chains.AssertSoundAsync(where);
            return true;
        });
    }

    // One backup of them stands on several on which others stand too: several are rewritten, several go.
    private static async Task<(GeneratedChains Chains, MergeBackupRequest Request, RemovalPlan Plan)> PrepareAsync()
    {
        for (int seed = 1; ; seed++)
        {
            GeneratedChains chains = await GeneratedChains.MakeAsync(seed, backups: 8);
            List<BackupManifest> backups = chains.Backups();
            foreach ((MergeBackupRequest request, RemovalPlan plan) in backups.Select(backup => Plan(chains, backups, backup.Id)))
                if (plan.Rewrites.Count > 1 && plan.Remove.Count > 1)
                    return (chains, request, plan);
            chains.Dispose();
        }
    }

    private static (MergeBackupRequest Request, RemovalPlan Plan) Plan(GeneratedChains chains, List<BackupManifest> backups, string id)
    {
        var request = new MergeBackupRequest { Repository = chains.Repository.Root, Id = id };
        var none = new Dictionary<string, string>(StringComparer.Ordinal);
        return (request, RemovalPlan.Make(backups, FoldedBackups.Choose(new BackupSurvey(GeneratedChains.Vm, backups, [], none, none), request).Remove));
    }
}
