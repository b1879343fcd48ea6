using System.Globalization;
using MomentTools.Files;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Retention;

namespace MomentTools.Tests.Operations.Backups.Retention;

/// <summary>Random chains, of which random backups are removed again and again: what stays shows to the byte what it always showed.</summary>
public sealed class RewriteStoryTests
{
    private const int Stories = 4;
    private const int Rounds = 2;

    [SkippableFact]
    public async Task WhateverIsRemovedTheRestShowsWhatItShowed()
    {
        int first = Number("MOMENTTOOLS_STORY_SEED", 1);
        for (int seed = first; seed < first + Number("MOMENTTOOLS_STORY_SEQUENCES", Stories); seed++)
        {
            using GeneratedChains chains = await GeneratedChains.MakeAsync(seed, backups: 6);
            for (int round = 1; round <= Rounds; round++)
            {
                string where = $"seed {seed}, round {round}";
                HashSet<string> remove = chains.Choose();
                string[] stay = [.. chains.Backups().Select(backup => backup.Id).Where(id => !remove.Contains(id))];
                await RemoveAsync(chains, remove, new DirectoryExchange(atomic: seed % 2 == 0));
                Assert.Equal(stay, chains.Backups().Select(backup => backup.Id));
                await chains.AssertSoundAsync(where);
                await chains.AddAsync();
            }

            await chains.AssertSoundAsync($"seed {seed}, at its end");
        }
    }

    private static async Task RemoveAsync(GeneratedChains chains, HashSet<string> remove, DirectoryExchange exchange)
    {
        List<BackupManifest> backups = chains.Backups();
        RemovalPlan plan = RemovalPlan.Make(backups, remove);
        var rewrite = new RepositoryRewrite(chains.Repository, chains.Runtime, null, exchange);
        foreach (RewriteStep step in plan.Rewrites)
        {
            BackupManifest now = await rewrite.RunAsync(chains.Domain, step, backups, chains.Report, CancellationToken.None);
            backups[backups.FindIndex(backup => backup.Id == now.Id)] = now;
            await chains.AssertAllShowAsync($"{step.Backup.Id} rewritten");
        }

        foreach (BackupManifest gone in plan.Remove)
            BackupDeletion.Run(gone.Directory, null);
    }

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int number) ? number : otherwise;
}
