using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Retention;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Retention;

/// <summary>Removals over real chains: whatever goes, each survivor shows exactly its bytes; what must not go stays, with the reason.</summary>
public sealed class BackupRetentionTests
{
    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task WhateverIsRemovedEverySurvivorShowsItsBytes(int seed)
    {
        using RetentionRepository sample = await RetentionRepository.ForestAsync(seed, 9);
        var random = new Random(seed);
        while (sample.Backups().Count > 1)
        {
            string[] ids = [.. sample.Backups().Select(backup => backup.Id).Where(_ => random.Next(3) == 0)];
            if (ids.Length == 0)
                continue;
            string[] stays = [.. sample.Backups().Select(backup => backup.Id).Except(ids)];
            RemoveBackupRequest request = sample.Ids(ids) with { Merge = true };
            IReadOnlyList<VMBackupPlan> plan = await sample.PlanAsync(request), done = await sample.RemoveAsync(request);
            Assert.Equal(plan.Select(row => (row.BackupId, row.Keep, row.MergedInto)), done.Select(row => (row.BackupId, row.Keep, row.MergedInto)));
            Assert.Equal(stays, sample.Backups().Select(backup => backup.Id));
            await sample.AssertAllRestoreAsync();
        }
    }

    [SkippableFact]
    public async Task RulesFoldWhatStaysAndSayWhichRuleKeepsIt()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(9);
        string[] ids = [.. sample.Backups().Select(backup => backup.Id)];
        IReadOnlyList<VMBackupPlan> done = await sample.RemoveAsync(sample.Rules(last: 2, weekly: 2));
        // Days 0 to 6 are Monday to Sunday of one week.
        Assert.Equal([ids[6], ids[7], ids[8]], sample.Backups().Select(backup => backup.Id));
        Assert.Equal([(ids[6], "weekly 2026-W10"), (ids[7], "last 2"), (ids[8], "last 1")], done.Where(row => row.Keep).Select(row => (row.BackupId, row.Rules.Single())));
        Assert.All(done.Where(row => !row.Keep), row => Assert.Equal((ids[6], true), (row.MergedInto, row.FreedBytes > 0 && row.Rules.Count == 0)));
        Assert.True(done.Single(row => row.BackupId == ids[6]).FreedBytes <= 0);
        await sample.AssertAllRestoreAsync();
        Assert.Empty(sample.Report.Warnings);
        Assert.All(await sample.RemoveAsync(sample.Rules(last: 2, weekly: 2)), row => Assert.True(row.Keep));
    }

    [SkippableFact]
    public async Task WhatAPlanSaysOfBytesIsAboutWhatComesFree()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(6, seed: 7);
        long before = Bytes(sample);
        IReadOnlyList<VMBackupPlan> plan = await sample.PlanAsync(sample.Rules(last: 2));
        Assert.Equal(before, Bytes(sample));
        IReadOnlyList<VMBackupPlan> done = await sample.RemoveAsync(sample.Rules(last: 2));
        Assert.Equal(before - Bytes(sample), done.Sum(row => row.FreedBytes));
        // Tables are not estimated.
        Assert.InRange(plan.Sum(row => row.FreedBytes) - done.Sum(row => row.FreedBytes), -(1 << 20), 1 << 20);
    }

    [SkippableFact]
    public async Task APlanChangesNothing()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(4);
        string before = SampleRepository.Fingerprint(sample.Domain);
        Assert.Equal(2, (await sample.PlanAsync(sample.Rules(last: 2))).Count(row => !row.Keep));
        Assert.Equal(before, SampleRepository.Fingerprint(sample.Domain));
    }

    [SkippableFact]
    public async Task WithoutMergeABackupThatOthersStandOnIsRefusedByTheirNames()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(3);
        string[] ids = [.. sample.Backups().Select(backup => backup.Id)];
        MomentException refused = await RefusedAsync(sample, sample.Ids(ids[0]), RetentionErrors.BackupNeeded);
        Assert.Contains(ids[1], refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(ids[2], refused.Message, StringComparison.Ordinal);
        await sample.RemoveAsync(sample.Ids(ids[1], ids[2]));
        Assert.Equal([ids[0]], sample.Backups().Select(backup => backup.Id));
        await sample.AssertAllRestoreAsync();
    }

    [SkippableFact]
    public async Task TheLastBackupGoesByItsIdAloneAndThatIsSaid()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(1);
        await RefusedAsync(sample, sample.Rules(last: 0, daily: 0), RetentionErrors.KeepRulesEmpty);
        await sample.RemoveAsync(sample.Ids(sample.Backups()[0].Id));
        Assert.Empty(sample.Backups());
        Assert.Contains("no backup of 'web1' any more", Assert.Single(sample.Report.Warnings), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task CopiesAreOutsideOfTheRules()
    {
        using var sample = new RetentionRepository();
        string one = await sample.AddAsync(RetentionRepository.Day(0), VMBackupKind.Full, ("vda", null));
        string two = await sample.AddAsync(RetentionRepository.Day(1), VMBackupKind.Automatic, ("vda", one));
        string copy = await sample.AddAsync(RetentionRepository.Day(2), VMBackupKind.Copy, ("vda", null));
        IReadOnlyList<VMBackupPlan> done = await sample.RemoveAsync(sample.Rules(last: 1));
        Assert.Equal([two, copy], sample.Backups().Select(backup => backup.Id));
        Assert.Equal(["copy"], done.Single(row => row.BackupId == copy).Rules);
        await sample.AssertAllRestoreAsync();
    }

    [SkippableFact]
    public async Task TheLastBackupOfADiskStaysWhateverWasMadeOfOtherDisksSince()
    {
        using var sample = new RetentionRepository();
        string both = await sample.AddAsync(RetentionRepository.Day(0), VMBackupKind.Full, ("vda", null), ("vdb", null));
        string first = await sample.AddAsync(RetentionRepository.Day(1), VMBackupKind.Automatic, ("vda", both));
        string second = await sample.AddAsync(RetentionRepository.Day(2), VMBackupKind.Automatic, ("vda", first));
        IReadOnlyList<VMBackupPlan> done = await sample.RemoveAsync(sample.Rules(last: 1));
        Assert.Equal([(both, "last of vdb"), (second, "last 1")], done.Where(row => row.Keep).Select(row => (row.BackupId, row.Rules.Single())));
        await sample.AssertAllRestoreAsync();
    }

    [SkippableFact]
    public async Task AStorageDaemonThatADeadCommandLeftIsNoUse()
    {
        Tool.Require("setsid");
        using RetentionRepository sample = await RetentionRepository.ChainAsync(2);
        string run = sample.Scratch["run"], image = Path.Combine(sample.Domain, sample.Backups()[0].Id, "vda.qcow2");
        Directory.CreateDirectory(run);
        // A shell starts it just as we do, and dies.
        using Process starter = Process.Start(new ProcessStartInfo("sh", ["-c", $"setsid qemu-storage-daemon --blockdev driver=qcow2,node-name=d,read-only=on,file.driver=file,file.filename={image} --chardev socket,id=m,path={run}/sd-$$-0123abcd,server=on,wait=off --monitor chardev=m & read line"]) { RedirectStandardInput = true, UseShellExecute = false })!;
        Assert.True(SpinWait.SpinUntil(() => Directory.EnumerateFileSystemEntries(run).Any(), TimeSpan.FromSeconds(60)));
        await RefusedAsync(sample, sample.Ids(sample.Backups()[0].Id) with { Merge = true }, RetentionErrors.BackupInUse);
        starter.Kill();
        await starter.WaitForExitAsync();
        await sample.RemoveAsync(sample.Rules(last: 1));
        Assert.Single(sample.Backups());
        await sample.AssertAllRestoreAsync();
    }

    [SkippableFact]
    public async Task WhatIsBegunToBeUsedWhileOthersAreRewrittenStays()
    {
        using Process holder = new() { StartInfo = new ProcessStartInfo("bash") { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true } };
        string held = "";
        using RetentionRepository sample = await RetentionRepository.ChainAsync(3, probe: step =>
        {
            if (step != "backup-removal:rewritten")
                return;
            holder.StartInfo.ArgumentList.Add("-c");
            holder.StartInfo.ArgumentList.Add($"exec 7<'{held}'; echo open; read line");
            holder.Start();
            holder.StandardOutput.ReadLine();
        });
        string[] ids = [.. sample.Backups().Select(backup => backup.Id)];
        held = Path.Combine(sample.Domain, ids[0], "vda.qcow2");
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => sample.RemoveAsync(sample.Rules(last: 1)));
        holder.StandardInput.Close();
        await holder.WaitForExitAsync();
        Assert.Equal((RetentionErrors.BackupInUse, ids[0]), (refused.ErrorId, refused.Target));
        Assert.Equal(ids, sample.Backups().Select(backup => backup.Id));
        await sample.AssertAllRestoreAsync();
    }

    [SkippableFact]
    public async Task WhatAnotherProcessHasOpenIsRefusedByIdAndKeptByRules()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(3);
        string[] ids = [.. sample.Backups().Select(backup => backup.Id)];
        using Process holder = Process.Start(new ProcessStartInfo("bash", ["-c", $"exec 7<'{Path.Combine(sample.Domain, ids[0], "vda.qcow2")}'; echo open; read line"]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true })!;
        await holder.StandardOutput.ReadLineAsync();
        MomentException refused = await RefusedAsync(sample, sample.Ids(ids[0]) with { Merge = true }, RetentionErrors.BackupInUse);
        Assert.Contains($"bash (process {holder.Id})", refused.Message, StringComparison.Ordinal);
        IReadOnlyList<VMBackupPlan> done = await sample.RemoveAsync(sample.Rules(last: 1));
        Assert.Equal([ids[0], ids[2]], done.Where(row => row.Keep).Select(row => row.BackupId));
        Assert.StartsWith("used by bash", done[0].Rules.Single(), StringComparison.Ordinal);
        await sample.AssertAllRestoreAsync();
        holder.StandardInput.Close();
        await holder.WaitForExitAsync();
        await sample.RemoveAsync(sample.Rules(last: 1));
        Assert.Equal([ids[2]], sample.Backups().Select(backup => backup.Id));
        await sample.AssertAllRestoreAsync();
    }

    [SkippableFact]
    public async Task AnIdThatIsNotThereAndARequestThatSaysNothingOrBothTouchNothing()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(2);
        MomentException unknown = await RefusedAsync(sample, sample.Ids(sample.Backups()[1].Id, "20260101T000000Z-0000"), BackupErrors.BackupNotFound);
        Assert.Contains(sample.Backups()[1].Id, unknown.Advice, StringComparison.Ordinal);
        await RefusedAsync(sample, sample.Ids(), RetentionErrors.BackupRemovalUnclear);
        await RefusedAsync(sample, sample.Ids(sample.Backups()[1].Id) with { KeepLast = 1 }, RetentionErrors.BackupRemovalUnclear);
        await RefusedAsync(sample, sample.Rules(last: -1), RetentionErrors.BackupRemovalUnclear);
    }

    [SkippableFact]
    public async Task StoppedAtAnyStepEverySurvivorRestoresAndTheNextRunGoesOn()
    {
        for (int stop = 1, steps = int.MaxValue; stop < steps; stop++)
        {
            int passed = 0;
            using RetentionRepository sample = await RetentionRepository.ChainAsync(5, seed: 3, _ =>
            {
                if (++passed == stop)
                    throw new InvalidOperationException("stopped here");
            });
            try
            {
                await sample.RemoveAsync(sample.Rules(last: 2));
                steps = stop;
            }
            catch (InvalidOperationException)
            {
                foreach (BackupManifest backup in sample.Repository.Backups(sample.Domain, broken => throw broken))
                    Tool.Run("qemu-img", "check", "-q", Path.Combine(backup.Directory, "vda.qcow2"));
                await sample.RemoveAsync(sample.Rules(last: 2));
            }

            Assert.Equal(2, sample.Backups().Count);
            await sample.AssertAllRestoreAsync();
        }
    }

    internal static async Task<MomentException> RefusedAsync(RetentionRepository sample, RemoveBackupRequest request, ErrorId id)
    {
        string before = SampleRepository.Fingerprint(sample.Domain);
        MomentException refused = await Assert.ThrowsAsync<MomentException>(() => sample.RemoveAsync(request));
        Assert.Equal(id, refused.ErrorId);
        Assert.NotEmpty(refused.Advice!);
        Assert.Equal(before.Split('\n').Where(line => !line.Contains("/.lock", StringComparison.Ordinal)), SampleRepository.Fingerprint(sample.Domain).Split('\n').Where(line => !line.Contains("/.lock", StringComparison.Ordinal)));
        return refused;
    }

    private static long Bytes(RetentionRepository sample) => Directory.EnumerateFiles(sample.Domain, "*.qcow2", SearchOption.AllDirectories).Sum(path => new FileInfo(path).Length);
}
