using FsCheck;
using FsCheck.Fluent;
using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Retention;

namespace MomentTools.Tests.Operations.Backups.Retention;

/// <summary>Plans of removals: single cases by hand, and for any forest of backups that every survivor shows after every step what it showed before.</summary>
public sealed class RemovalPlanTests
{
    [Fact]
    public void AfterEachStepEverySurvivorShowsWhatItShowed() => Prop.ForAll(BackupForest.Seeds(), given =>
    {
        (BackupForest forest, HashSet<string> remove) = BackupForest.Grow(given.Seed, given.Count);
        Dictionary<(string Id, string Disk), string> before = forest.Contents();
        RemovalPlan plan = RemovalPlan.Make(forest.Backups, remove);
        foreach (RewriteStep step in plan.Rewrites)
        {
            forest.Rewrite(step);
            Assert.Equal(before, forest.Contents());
        }

        foreach (BackupManifest gone in plan.Remove)
        {
            // Leaves first: what is left of those that go stands on nothing that has gone.
            forest.Remove(gone.Id);
            Assert.Equal(before.Where(one => forest.Backups.Any(backup => backup.Id == one.Key.Id)), forest.Contents());
        }

        Assert.DoesNotContain(forest.Backups, backup => remove.Contains(backup.Id));
        Assert.Equal(before.Keys.Where(key => !remove.Contains(key.Id)).Order(), forest.Contents().Keys.Order());
        Assert.All(forest.Backups.SelectMany(backup => backup.Disks), disk => Assert.False(disk.ParentId is { } parent && remove.Contains(parent)));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void OnlyWhatStandsOnSomethingThatGoesIsRewrittenAndOnlyOnThoseDisks() => Prop.ForAll(BackupForest.Seeds(), given =>
    {
        (BackupForest forest, HashSet<string> remove) = BackupForest.Grow(given.Seed, given.Count);
        RemovalPlan plan = RemovalPlan.Make(forest.Backups, remove);
        var needed = forest.Backups.Where(backup => !remove.Contains(backup.Id)).SelectMany(backup => backup.Disks.Where(disk => disk.ParentId is { } parent && remove.Contains(parent)).Select(disk => (backup.Id, disk.Name)));
        Assert.Equal(needed.Order(), plan.Rewrites.SelectMany(step => step.NewParents.Keys.Select(disk => (step.Backup.Id, disk))).Order());
        Assert.Equal(remove.Order(), plan.Remove.Select(backup => backup.Id).Order());
        // A chain gets a new full one only where its old one goes, and then one.
        foreach (string disk in (string[])["vda", "vdb", "vdc"])
        {
            string Root(BackupManifest backup) => BackupChain.Resolve(forest.Backups, backup, disk).Links[^1].Backup.Id;
            var full = plan.Rewrites.Where(step => step.NewParents.TryGetValue(disk, out string? parent) && parent is null).Select(step => Root(step.Backup)).ToArray();
            Assert.All(full, root => Assert.Contains(root, remove));
            Assert.Equal(full.Length, full.Distinct().Count());
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void TheBackupAboveStandsOnTheNextThatStays()
    {
        List<BackupManifest> chain = Chain(4);
        RemovalPlan plan = RemovalPlan.Make(chain, Ids(2, 3));
        Assert.Equal([$"{Id(4)}: vda on {Id(1)}"], Words(plan));
        Assert.Equal([Id(3), Id(2)], plan.Remove.Select(backup => backup.Id));
    }

    [Fact]
    public void WhereTheFullOneGoesTheNextBecomesFull() => Assert.Equal([$"{Id(2)}: vda full"], Words(RemovalPlan.Make(Chain(4), Ids(1))));

    [Fact]
    public void ANewestBackupGoesWithoutAnyRewriting() => Assert.Empty(RemovalPlan.Make(Chain(4), Ids(3, 4)).Rewrites);

    [Fact]
    public void OfSeveralOnTheSameTheOldestBecomesFullLastAndTheOthersStandOnIt()
    {
        List<BackupManifest> backups = [One(1, null), One(2, 1), One(3, 1), One(4, 1)];
        Assert.Equal([$"{Id(4)}: vda on {Id(2)}", $"{Id(3)}: vda on {Id(2)}", $"{Id(2)}: vda full"], Words(RemovalPlan.Make(backups, Ids(1))));
    }

    [Fact]
    public void EachDiskHasItsOwnChain()
    {
        List<BackupManifest> backups =
        [
            SampleManifest.Of(1, SampleManifest.Disk("vda"), SampleManifest.Disk("vdb")), One(2, 1),
            SampleManifest.Of(3, SampleManifest.Disk("vda", parent: 2), SampleManifest.Disk("vdb", parent: 1)),
        ];
        Assert.Equal([$"{Id(3)}: vda on {Id(1)}"], Words(RemovalPlan.Make(backups, Ids(2))));
        Assert.Equal([$"{Id(3)}: vdb full", $"{Id(2)}: vda full"], Words(RemovalPlan.Make(backups, Ids(1))));
    }

    [Fact]
    public void ASurvivorWhoseChainIsBrokenIsNotRewrittenBlindly()
    {
        List<BackupManifest> backups = [One(2, 1), One(3, 2)];
        MomentException broken = Assert.Throws<MomentException>(() => RemovalPlan.Make(backups, Ids(2)));
        Assert.Equal(BackupErrors.BackupChainBroken, broken.ErrorId);
    }

    [Fact]
    public void ManifestsThatStandOnEachOtherEndNeitherInALoopNorInARemoval()
    {
        List<BackupManifest> backups = [One(1, 2), One(2, 1), One(3, 2)];
        Assert.Throws<MomentException>(() => RemovalPlan.Make(backups, Ids(1)));
        Assert.Equal([Id(3), Id(2), Id(1)], RemovalPlan.Make(backups, Ids(1, 2, 3)).Remove.Select(backup => backup.Id));
    }

    private static List<BackupManifest> Chain(int length) => [.. Enumerable.Range(1, length).Select(number => One(number, number == 1 ? null : number - 1))];

    private static BackupManifest One(int number, int? parent) => SampleManifest.Of(number, SampleManifest.Disk("vda", parent));

    private static string Id(int number) => SampleManifest.Id(number);

    private static HashSet<string> Ids(params int[] numbers) => [.. numbers.Select(Id)];

    private static IEnumerable<string> Words(RemovalPlan plan) =>
        plan.Rewrites.Select(step => $"{step.Backup.Id}: {string.Join(", ", step.NewParents.Select(change => $"{change.Key} {(change.Value is { } parent ? "on " + parent : "full")}"))}");
}
