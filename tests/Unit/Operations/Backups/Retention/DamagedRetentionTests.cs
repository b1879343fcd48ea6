using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Retention;
using MomentTools.Tests.Support;
using static MomentTools.Tests.Operations.Backups.Retention.BackupRetentionTests;

namespace MomentTools.Tests.Operations.Backups.Retention;

/// <summary>Removals in a repository with backups that are damaged or cannot be read: what they stand on, or may, stays.</summary>
public sealed class DamagedRetentionTests
{
    [SkippableFact]
    public async Task WhatCannotBeReadNeitherCountsNorGoesByARuleAndWhatItStandsOnStays()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(5);
        string[] ids = [.. sample.Backups().Select(backup => backup.Id)];
        sample.Break(ids[4]);
        IReadOnlyList<VMBackupPlan> done = await sample.RemoveAsync(sample.Rules(last: 1));
        Assert.Equal([(ids[3], "last 1")], done.Where(row => row.Keep).Select(row => (row.BackupId, row.Rules.Single())));
        Assert.True(Directory.Exists(Path.Combine(sample.Domain, ids[4])));
        Assert.Contains(ids[4], Assert.Single(sample.Report.Warnings), StringComparison.Ordinal);
        // It still reads: what it stands on is there under its name.
        Tool.Run("qemu-img", "map", "-f", "qcow2", Path.Combine(sample.Domain, ids[4], "vda.qcow2"));
    }

    [SkippableFact]
    public async Task ABackupThatAnUnreadableOneStandsOnGoesOnlyTogetherWithIt()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(4);
        string[] ids = [.. sample.Backups().Select(backup => backup.Id)];
        sample.Break(ids[2]);
        // The last one stands on what cannot be read, and cannot be restored.
        IReadOnlyList<VMBackupPlan> done = await sample.RemoveAsync(sample.Rules(last: 1));
        Assert.Equal([(ids[1], "last 1"), (ids[3], "cannot be restored")], done.Where(row => row.Keep).Select(row => (row.BackupId, row.Rules.Single())));
        await RefusedAsync(sample, sample.Ids(ids[1]) with { Merge = true }, RetentionErrors.BackupMayBeNeeded);
        await RefusedAsync(sample, sample.Ids(ids[2]) with { Merge = true }, RetentionErrors.BackupNeeded);
        done = await sample.RemoveAsync(sample.Ids(ids[2], ids[3]));
        Assert.Equal([(ids[1], true), (ids[2], false), (ids[3], false)], done.Select(row => (row.BackupId, row.Keep)));
        Assert.True(done[1].FreedBytes > 0);
        await sample.AssertAllRestoreAsync();
    }

    [SkippableFact]
    public async Task AnUnreadableBackupThatAnotherUnreadableOneStandsOnGoesOnlyTogetherWithIt()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(3);
        string[] ids = [.. sample.Backups().Select(backup => backup.Id)];
        sample.Break(ids[1]);
        sample.Break(ids[2]);
        await RefusedAsync(sample, sample.Ids(ids[1]) with { Merge = true }, RetentionErrors.BackupMayBeNeeded);
        await sample.RemoveAsync(sample.Ids(ids[1], ids[2]));
        await sample.AssertAllRestoreAsync();
    }

    [SkippableFact]
    public async Task WhereNotEvenTheImageCanBeReadEverythingOlderStays()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(4);
        string[] ids = [.. sample.Backups().Select(backup => backup.Id)];
        sample.Break(ids[2]);
        File.WriteAllText(Path.Combine(sample.Domain, ids[2], "vda.qcow2"), "QFI");
        IReadOnlyList<VMBackupPlan> done = await sample.RemoveAsync(sample.Rules(last: 1));
        Assert.Equal([(ids[0], "needed by " + ids[2]), (ids[1], "last 1"), (ids[3], "cannot be restored")], done.Select(row => (row.BackupId, row.Rules.Single())));
        MomentException refused = await RefusedAsync(sample, sample.Ids(ids[0]) with { Merge = true }, RetentionErrors.BackupMayBeNeeded);
        Assert.Contains("may stand", refused.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task ASurvivorThatHasLostItsFileKeepsWhatItStandsOn()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(3);
        string[] ids = [.. sample.Backups().Select(backup => backup.Id)];
        File.Delete(Path.Combine(sample.Domain, ids[2], "vda.qcow2"));
        IReadOnlyList<VMBackupPlan> done = await sample.RemoveAsync(sample.Rules(last: 1));
        Assert.Equal([(ids[1], "last 1"), (ids[2], "cannot be restored")], done.Where(row => row.Keep).Select(row => (row.BackupId, row.Rules.Single())));
        await RefusedAsync(sample, sample.Ids(ids[1]) with { Merge = true }, RetentionErrors.BackupNeeded);
    }

    [SkippableFact]
    public async Task RotInWhatWouldBeFoldedRemovesNothing()
    {
        using RetentionRepository sample = await RetentionRepository.ChainAsync(3);
        string[] ids = [.. sample.Backups().Select(backup => backup.Id)];
        string path = Path.Combine(sample.Domain, ids[1], "vda.qcow2");
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
        await RefusedAsync(sample, sample.Rules(last: 1), BackupErrors.BackupCorrupt);
    }
}
