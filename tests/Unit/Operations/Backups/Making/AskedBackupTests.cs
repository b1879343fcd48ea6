using MomentTools.Errors;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Making;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Making;

public sealed class AskedBackupTests
{
    [Theory]
    [InlineData("<domainbackup/>", VMBackupKind.Full, null, false, "", "")]
    [InlineData("<domainbackup mode='pull'><incremental>c1</incremental></domainbackup>", VMBackupKind.Differential, "c1", true, "", "")]
    [InlineData("<domainbackup><incremental>c1</incremental><disks><disk name='vda'/><disk name='vdb' backup='no'/><disk name='vdc' incremental='c1'/></disks></domainbackup>", VMBackupKind.Differential, "c1", false, "vda vdc", "")]
    [InlineData("<domainbackup><incremental>c1</incremental><disks><disk name='vda' incremental='c2'/></disks></domainbackup>", VMBackupKind.Differential, "c2", false, "vda", "")]
    [InlineData("<domainbackup><incremental>c1</incremental><disks><disk name='vda' backupmode='full'/></disks></domainbackup>", VMBackupKind.Full, null, false, "vda", "")]
    [InlineData("<domainbackup mode='pull'><disks><disk name='vda'><scratch file='/s/a'/></disk><disk name='vdb'/></disks></domainbackup>", VMBackupKind.Full, null, true, "vda vdb", "vda=/s/a")]
    public void ADocumentSaysWhatParametersWould(string text, VMBackupKind kind, string? since, bool pull, string disks, string scratch)
    {
        BackupRequest read = AskedBackup.Of(new BackupRequest { Repository = "/r", Xml = text, SpeedLimit = 5, Description = "why" });
        Assert.Equal((kind, since, pull, disks), (read.Kind, read.Since, read.Pull, string.Join(' ', read.Disks)));
        Assert.Equal(scratch, string.Join(' ', read.Scratch.Select(pair => $"{pair.Key}={pair.Value}")));
        Assert.Equal(("/r", 5, "why", null), (read.Repository, read.SpeedLimit, read.Description, read.Xml));
        using var directory = new ScratchDirectory();
        File.WriteAllText(directory["b.xml"], text);
        BackupRequest loaded = AskedBackup.Of(new BackupRequest { Repository = "/r", XmlPath = directory["b.xml"] });
        Assert.Equal((kind, since, pull, disks), (loaded.Kind, loaded.Since, loaded.Pull, string.Join(' ', loaded.Disks)));
    }

    [Theory]
    [InlineData("<domainbackup><incremental>c1</incremental><disks><disk name='vda'/><disk name='vdb' backupmode='full'/></disks></domainbackup>", "different moments ('c1', in full)")]
    [InlineData("<domainbackup><disks><disk name='vda' incremental='c1'/><disk name='vdb' incremental='c2'/></disks></domainbackup>", "different moments ('c1', 'c2')")]
    [InlineData("<domainbackup><disks><disk name='vda' backupmode='incremental'/></disks></domainbackup>", "no moment is named")]
    [InlineData("<domainbackup><disks><disk name='vda' backup='no'/></disks></domainbackup>", "leaves out every disk")]
    public void ADocumentThatNoOneBackupCanServeIsRefused(string text, string why) => Refused(new BackupRequest { Repository = "/r", Xml = text }, why);

    [Fact]
    public void WhatExcludesEachOtherIsRefused()
    {
        var document = new BackupRequest { Repository = "/r", Xml = "<domainbackup/>" };
        Refused(document with { XmlPath = "/x" }, "exclude each other");
        Refused(document with { Kind = VMBackupKind.Full }, "says itself");
        Refused(document with { Disks = ["vda"] }, "says itself");
        Refused(document with { Pull = true }, "says itself");
        Refused(new BackupRequest { Repository = "/r", Since = "c1" }, "for a differential backup alone");
        var plain = new BackupRequest { Repository = "/r", Kind = VMBackupKind.Differential, Since = "c1" };
        Assert.Same(plain, AskedBackup.Of(plain));
    }

    private static void Refused(BackupRequest request, string why)
    {
        MomentException refused = Assert.Throws<MomentException>(() => AskedBackup.Of(request));
        Assert.Equal(BackupErrors.BackupRequestMixed, refused.ErrorId);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
    }
}
