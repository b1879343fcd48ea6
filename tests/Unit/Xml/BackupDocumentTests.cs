using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

public sealed class BackupDocumentTests
{
    private const string Written = """
        <domainbackup mode="push">
          <incremental>monday</incremental>
          <disks>
            <disk name="vda" backup="yes" type="file" backupmode="incremental" incremental="sunday">
              <driver type="qcow2" />
              <target file="/repo/web1/1/vda.qcow2" />
            </disk>
            <disk name="vdb" backup="no" />
          </disks>
        </domainbackup>

        """;

    [Fact]
    public void ItIsWrittenAsLibvirtDoes() => Assert.Equal(Written, Sample.ToXml());

    [Theory]
    [InlineData("<domainbackup/>", false, null, "")]
    [InlineData("<domainbackup mode='push'/>", false, null, "")]
    [InlineData("<domainbackup mode='pull'><incremental>c1</incremental></domainbackup>", true, "c1", "")]
    [InlineData("<domainbackup><disks><disk name='vda' backup='yes' type='file'><driver type='qcow2'/></disk><disk name='vdb' backup='no'/></disks></domainbackup>", false, null, "vda vdb-")]
    [InlineData("<domainbackup><disks><disk name='vda' backupmode='full' type='file'/><disk name='vdb' incremental='c2'/></disks></domainbackup>", false, null, "vda=full vdb@c2")]
    [InlineData("<domainbackup mode='pull'><disks><disk name='vda' type='file' backupmode='incremental' incremental='c2'><driver type='qcow2'/><scratch file='/s/a'/></disk></disks></domainbackup>", true, null, "vda=inc@c2!/s/a")]
    public void EachFormIsRead(string text, bool pull, string? since, string disks)
    {
        BackupDocument read = BackupDocument.Parse(text, "it");
        Assert.Equal((pull, since, disks), (read.Pull, read.Incremental, string.Join(' ', read.Disks.Select(Told))));
        Assert.Equal(read.ToXml(), BackupDocument.Parse(read.ToXml(), "it").ToXml());
    }

    [Theory]
    [InlineData("<backup/>", "root element must be <domainbackup>")]
    [InlineData("<domainbackup mode='copy'/>", "must be 'push' or 'pull', not 'copy'")]
    [InlineData("<domainbackup id='1'/>", "'id' is unknown")]
    [InlineData("<domainbackup><incremental>a/b</incremental></domainbackup>", "cannot be the name of a checkpoint")]
    [InlineData("<domainbackup><incremental><b/></incremental></domainbackup>", "text only")]
    [InlineData("<domainbackup><incremental>a</incremental><incremental>a</incremental></domainbackup>", "only once")]
    [InlineData("<domainbackup><disks/></domainbackup>", "at least one disk")]
    [InlineData("<domainbackup><disk name='vda'/></domainbackup>", "<disk>")]
    [InlineData("<domainbackup><disks><disk/></disks></domainbackup>", "'name' is missing")]
    [InlineData("<domainbackup><disks><disk name='/d.qcow2'/></disks></domainbackup>", "is no target")]
    [InlineData("<domainbackup><disks>\n<disk name='vda' backup='maybe'/></disks></domainbackup>", "line 2, <disk>: the attribute 'backup'")]
    [InlineData("<domainbackup><disks><disk name='vda' backup='no' type='file'/></disks></domainbackup>", "left out has neither")]
    [InlineData("<domainbackup><disks><disk name='vda' type='network'/></disks></domainbackup>", "'file' or 'block'")]
    [InlineData("<domainbackup><disks><disk name='vda' backupmode='full' incremental='c1'/></disks></domainbackup>", "does not go with")]
    [InlineData("<domainbackup><disks><disk name='vda' incremental=''/></disks></domainbackup>", "cannot be the name of a checkpoint")]
    [InlineData("<domainbackup><disks><disk name='vda'><scratch file='/x'/></disk></disks></domainbackup>", "<scratch>")]
    [InlineData("<domainbackup mode='pull'><disks><disk name='vda'><scratch/></disk></disks></domainbackup>", "'file' is missing")]
    [InlineData("<domainbackup mode='pull'><disks><disk name='vda'><scratch file='x'/></disk></disks></domainbackup>", "absolute path")]
    [InlineData("<domainbackup mode='pull'><disks><disk name='vda'><scratch file='/x'><encryption/></scratch></disk></disks></domainbackup>", "<encryption>")]
    public void ABrokenRuleIsToldWithItsPlace(string text, string rule) => Refused(text, XmlErrors.XmlRuleBroken, rule);

    [Theory]
    [InlineData("<domainbackup mode='pull'><server transport='unix' socket='/s'/></domainbackup>", "Start-VMBlockExport")]
    [InlineData("<domainbackup mode='pull'><disks><disk name='vda' exportname='x'/></disks></domainbackup>", "Start-VMBlockExport")]
    [InlineData("<domainbackup mode='pull'><disks><disk name='vda' exportbitmap='x'/></disks></domainbackup>", "Start-VMBlockExport")]
    [InlineData("<domainbackup><disks><disk name='vda' type='file'><target file='/x'/></disk></disks></domainbackup>", "places its files itself")]
    [InlineData("<domainbackup><disks><disk name='vda' type='block'><target dev='/x'/></disk></disks></domainbackup>", "places its files itself")]
    [InlineData("<domainbackup><disks><disk name='vda' type='block'/></disks></domainbackup>", "'block' cannot be used")]
    [InlineData("<domainbackup><disks><disk name='vda'><driver type='raw'/></disk></disks></domainbackup>", "'raw' cannot be used")]
    [InlineData("<domainbackup mode='pull'><disks><disk name='vda'><scratch dev='/x'/></disk></disks></domainbackup>", "'dev' cannot be used")]
    public void WhatARepositoryDoesOtherwiseIsRefusedByName(string text, string rule) => Refused(text, XmlErrors.BackupDocumentUnsupported, rule);

    [Fact]
    public void ADiskIsNamedOnce() => Refused("<domainbackup><disks><disk name='vda'/><disk name='vda'/></disks></domainbackup>", XmlErrors.DiskNamedTwice, "named twice");

    [SkippableFact]
    public void WhatIsWrittenIsValidForLibvirt()
    {
        LibvirtSchema.Require("domainbackup.rng");
        BackupDocument[] documents =
        [
            Sample,
            new(Pull: false, null, []),
            Sample with { Incremental = null },
            Sample with { Disks = [new BackupDocumentDisk("sda") { IsIncremental = false, TargetFile = "/r/a b&c.qcow2" }] },
            Sample with { Disks = [new BackupDocumentDisk("hda") { IsIncremental = true, Incremental = "ü 1", TargetFile = "/r/<.qcow2" }] },
        ];
        Assert.All(LibvirtSchema.Validate("domainbackup.rng", [.. documents.Select(document => document.ToXml())]), Assert.True);
        // The oracle can say no.
        Assert.False(LibvirtSchema.Validate("domainbackup.rng", ["<domainbackup mode='copy'/>"])[0]);
    }

    private static BackupDocument Sample => new(
        Pull: false, "monday",
        [new BackupDocumentDisk("vda") { IsIncremental = true, Incremental = "sunday", TargetFile = "/repo/web1/1/vda.qcow2" }, new BackupDocumentDisk("vdb") { Included = false }]);

    private static string Told(BackupDocumentDisk disk) =>
        $"{disk.Name}{(disk.Included ? "" : "-")}{disk.IsIncremental switch { null => "", true => "=inc", false => "=full" }}{(disk.Incremental is { } since ? "@" + since : "")}{(disk.ScratchFile is { } file ? "!" + file : "")}";

    private static void Refused(string text, ErrorId id, string rule)
    {
        var error = Assert.Throws<MomentException>(() => BackupDocument.Parse(text, "the gift"));
        Assert.Equal(id, error.ErrorId);
        Assert.Contains("the gift: line ", error.Message, StringComparison.Ordinal);
        Assert.Contains(rule, error.Message, StringComparison.Ordinal);
    }
}
