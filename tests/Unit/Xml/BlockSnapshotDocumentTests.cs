using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

public sealed class BlockSnapshotDocumentTests
{
    private const string Full = """
        <domainblocksnapshot>
          <name>tonight</name>
          <disk name="vda" type="file">
            <scratch file="/scratch/vda.qcow2" />
          </disk>
          <disk name="vdb" />
        </domainblocksnapshot>

        """;

    [Fact]
    public void WhatIsWrittenIsReadAlike()
    {
        BlockSnapshotDocument read = User(Full);
        Assert.Equal("tonight", read.Name);
        Assert.Equal([new BlockSnapshotDocumentDisk("vda", "/scratch/vda.qcow2"), new BlockSnapshotDocumentDisk("vdb", null)], read.Disks);
        Assert.Equal(Full, read.ToXml());
    }

    [Theory]
    [InlineData("scratch")]
    [InlineData("source")]
    [InlineData("fleece")]
    public void EachWordForTheScratchFileIsReadAndOneIsWritten(string word)
    {
        BlockSnapshotDocument read = User($"<domainblocksnapshot><disk name='vda' type='file'><{word} file='/s'/></disk></domainblocksnapshot>");
        Assert.Equal("/s", Assert.Single(read.Disks).ScratchFile);
        Assert.Contains("<scratch file=\"/s\" />", read.ToXml(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<domainblocksnapshot/>", null)]
    [InlineData("<domainblocksnapshot><name>n</name></domainblocksnapshot>", null)]
    [InlineData("<domainblocksnapshot><disk name='vda'/><name>n</name><disk name='/images/b.qcow2'/></domainblocksnapshot>", "vda,/images/b.qcow2")]
    [InlineData("<domainblocksnapshot>\n <disks><!-- as in a checkpoint --><disk name='vda'><fleece file='/f'/></disk></disks></domainblocksnapshot>", "vda")]
    public void EachVariantIsRead(string text, string? disks)
    {
        BlockSnapshotDocument read = User(text);
        Assert.Equal(disks ?? "", string.Join(',', read.Disks.Select(disk => disk.Name)));
        Assert.Equal(read.ToXml(), User(read.ToXml()).ToXml());
    }

    [Theory]
    [InlineData("<domainsnapshot/>", "root element must be <domainblocksnapshot>")]
    [InlineData("<domainblocksnapshot type='nbd'/>", "'type' is unknown")]
    [InlineData("<domainblocksnapshot>text</domainblocksnapshot>", "text may not stand")]
    [InlineData("<domainblocksnapshot>\n<names/></domainblocksnapshot>", "line 2, <names>")]
    [InlineData("<domainblocksnapshot><name>a</name><name>a</name></domainblocksnapshot>", "only once")]
    [InlineData("<domainblocksnapshot><name x='y'>a</name></domainblocksnapshot>", "'x' is unknown")]
    [InlineData("<domainblocksnapshot><name><b/></name></domainblocksnapshot>", "text only")]
    [InlineData("<domainblocksnapshot><disks/></domainblocksnapshot>", "at least one disk")]
    [InlineData("<domainblocksnapshot><disks/><disks/></domainblocksnapshot>", "only once")]
    [InlineData("<domainblocksnapshot><disks><a/></disks></domainblocksnapshot>", "<a>")]
    [InlineData("<domainblocksnapshot><disks><disk name='vda'/></disks><disk name='vdb'/></domainblocksnapshot>", "all in <disks> or all beside")]
    [InlineData("<domainblocksnapshot><disk/></domainblocksnapshot>", "'name' is missing")]
    [InlineData("<domainblocksnapshot><disk name='a b'/></domainblocksnapshot>", "neither a target")]
    [InlineData("<domainblocksnapshot><disk name='vda' type='block'/></domainblocksnapshot>", "must be 'file', not 'block'")]
    [InlineData("<domainblocksnapshot><disk name='vda' snapshot='no'/></domainblocksnapshot>", "'snapshot' is unknown")]
    [InlineData("<domainblocksnapshot><disk name='vda'><target file='/x'/></disk></domainblocksnapshot>", "<target>")]
    [InlineData("<domainblocksnapshot><disk name='vda'><scratch/></disk></domainblocksnapshot>", "'file' is missing")]
    [InlineData("<domainblocksnapshot><disk name='vda'><scratch file='x.qcow2'/></disk></domainblocksnapshot>", "must be an absolute path, not 'x.qcow2'")]
    [InlineData("<domainblocksnapshot><disk name='vda'><scratch dev='/dev/sda'/></disk></domainblocksnapshot>", "'dev' is unknown")]
    [InlineData("<domainblocksnapshot><disk name='vda'><scratch file='/x'><a/></scratch></disk></domainblocksnapshot>", "<a>")]
    [InlineData("<domainblocksnapshot><disk name='vda'><scratch file='/x'/><scratch file='/y'/></disk></domainblocksnapshot>", "only once")]
    [InlineData("<domainblocksnapshot><disk name='vda'><scratch file='/x'/><fleece file='/x'/></disk></domainblocksnapshot>", "one scratch file")]
    [InlineData("<domainblocksnapshot>\n<disk name='vda'><scratch file='/x'/></disk>\n<disk name='vdb'><fleece file='/x'/></disk></domainblocksnapshot>", "line 3, <disk>: the disks 'vda' and 'vdb' have the scratch file '/x' both")]
    [InlineData("<domainblocksnapshot><m:blocksnapshot xmlns:m='https://momenttools.dev/xml/1'/></domainblocksnapshot>", "may have only")]
    public void ABrokenRuleIsToldWithItsPlace(string text, string rule)
    {
        var error = Assert.Throws<MomentException>(() => BlockSnapshotDocument.Parse(text, "the gift"));
        Assert.Equal(XmlErrors.XmlRuleBroken, error.ErrorId);
        Assert.Contains("the gift: line ", error.Message, StringComparison.Ordinal);
        Assert.Contains(rule, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADiskIsNamedOnce() =>
        Assert.Equal(XmlErrors.DiskNamedTwice, Assert.Throws<MomentException>(() => User("<domainblocksnapshot><disk name='vda'/><disk name='vda'/></domainblocksnapshot>")).ErrorId);

    [Theory]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("a*")]
    [InlineData("a\n")]
    public void ANameThatNoFileCanHaveIsRefused(string name)
    {
        var error = Assert.Throws<MomentException>(() => User($"<domainblocksnapshot><name>{name}</name></domainblocksnapshot>"));
        Assert.Equal(XmlErrors.MomentNameInvalid, error.ErrorId);
        Assert.Contains("line 1, <name>", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OurElementIsReadInTheStoreOnlyAndOnce()
    {
        const string ours = "<m:blocksnapshot xmlns:m='https://momenttools.dev/xml/1' id='7'/>";
        BlockSnapshotDocument read = BlockSnapshotDocument.Parse($"<domainblocksnapshot>{ours}</domainblocksnapshot>", "it", XmlOrigin.Store);
        Assert.Equal("7", read.Extension!.Attribute("id")!.Value);
        Assert.DoesNotContain("momenttools", read.ToXml(), StringComparison.Ordinal);
        Assert.Equal("7", BlockSnapshotDocument.Parse(read.ToXml(includeExtension: true), "it", XmlOrigin.Store).Extension!.Attribute("id")!.Value);
        Assert.Throws<MomentException>(() => BlockSnapshotDocument.Parse($"<domainblocksnapshot>{ours}{ours}</domainblocksnapshot>", "it", XmlOrigin.Store));
    }

    private static BlockSnapshotDocument User(string text) => BlockSnapshotDocument.Parse(text, "it");
}
