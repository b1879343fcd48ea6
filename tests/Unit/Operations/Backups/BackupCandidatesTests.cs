using MomentTools.Errors;
using MomentTools.Operations.Backups;

namespace MomentTools.Tests.Operations.Backups;

public sealed class BackupCandidatesTests
{
    // A full backup of both disks, an increment of both, one of vda alone, a full one of vdb, a copy.
    private static readonly BackupManifest[] All =
    [
        SampleManifest.Of(1, SampleManifest.Disk("vda"), SampleManifest.Disk("vdb")) with { Checkpoint = "first" },
        SampleManifest.Of(2, SampleManifest.Disk("vda", 1), SampleManifest.Disk("vdb", 1)) with { Checkpoint = "second" },
        SampleManifest.Of(3, SampleManifest.Disk("vda", 2)),
        SampleManifest.Of(4, SampleManifest.Disk("vdb")),
        SampleManifest.Of(5, SampleManifest.Disk("vda") with { PointId = null }, SampleManifest.Disk("vdb") with { PointId = null }) with { Kind = VMBackupKind.Copy, Checkpoint = null },
    ];

    [Theory]
    [InlineData(VMBackupKind.Automatic, null, "vda", "3 2 1")]
    [InlineData(VMBackupKind.Incremental, null, "vdb", "4 2 1")]
    [InlineData(VMBackupKind.Differential, null, "vda", "1")]
    [InlineData(VMBackupKind.Differential, null, "vdb", "4")]
    [InlineData(VMBackupKind.Differential, "second", "vdb", "2")]
    [InlineData(VMBackupKind.Differential, "3", "vda", "3")]
    [InlineData(VMBackupKind.Differential, "3", "vdb", "")]
    [InlineData(VMBackupKind.Automatic, null, "vdc", "")]
    public void TheBestComesFirstAndACopyNever(VMBackupKind wanted, string? since, string disk, string expected)
    {
        BackupCandidates candidates = BackupCandidates.Choose(All, wanted, since is "3" ? SampleManifest.Id(3) : since);
        Assert.Equal(expected, string.Join(' ', candidates.For(disk).Select(backup => Array.IndexOf(All, backup) + 1)));
        Assert.Equal(All, candidates.All);
    }

    [Fact]
    public void WhatNoBackupIsIsRefusedAndSoIsACopy()
    {
        MomentException unknown = Assert.Throws<MomentException>(() => BackupCandidates.Choose(All, VMBackupKind.Differential, "third"));
        Assert.Equal((BackupErrors.BackupNotFound, "third"), (unknown.ErrorId, unknown.Target));
        Assert.Contains(SampleManifest.Id(4), unknown.Advice, StringComparison.Ordinal);
        Assert.Equal(BackupErrors.BackupSinceCopy, Assert.Throws<MomentException>(() => BackupCandidates.Choose(All, VMBackupKind.Differential, SampleManifest.Id(5))).ErrorId);
    }

    [Fact]
    public void RelationsTellWhatDependsOnWhat()
    {
        var relations = new BackupRelations(All);
        VMBackup second = relations.ToResult(All[1], "/repo"), third = relations.ToResult(All[2], "/repo"), copy = relations.ToResult(All[4], "/repo");
        Assert.Equal((SampleManifest.Id(1), SampleManifest.Id(3), SampleManifest.Id(1)), (Assert.Single(second.DependsOn), Assert.Single(second.Dependents), second.Chain));
        Assert.Equal((SampleManifest.Id(2), SampleManifest.Id(1)), (Assert.Single(third.DependsOn), third.Chain));
        Assert.Empty(third.Dependents);
        Assert.Equal((VMBackupKind.Copy, SampleManifest.Id(5), 0), (copy.Kind, copy.Chain, copy.DependsOn.Count));
        // What is missing, or stands on itself, leads to no full backup.
        Assert.Null(new BackupRelations([All[2]]).Chain(All[2]));
        BackupManifest loop = SampleManifest.Of(7, SampleManifest.Disk("vda", 8)), back = SampleManifest.Of(8, SampleManifest.Disk("vda", 7));
        Assert.Null(new BackupRelations([loop, back]).Chain(loop));
    }
}
