using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

public sealed class SnapshotDocumentTests
{
    private const string Full = """
        <domainsnapshot>
          <name>before the upgrade</name>
          <description>third one</description>
          <state>running</state>
          <parent>
            <name>vor dem Übergang</name>
          </parent>
          <creationTime>1795205604</creationTime>
          <memory snapshot="external" file="/images/web1.mem" />
          <disks>
            <disk name="vda" snapshot="external" type="file">
              <driver type="qcow2">
                <metadata_cache>
                  <max_size unit="bytes">1234</max_size>
                </metadata_cache>
              </driver>
              <source file="/images/web1.upgrade.qcow2" index="4">
                <seclabel model="dac" relabel="no" />
              </source>
            </disk>
            <disk name="vdb" snapshot="no" />
            <disk name="vdc" snapshot="external" type="block">
              <driver type="qed" />
              <source dev="/dev/vg/over" />
              <snapshotDeleteInProgress />
            </disk>
            <disk name="vdd" snapshot="internal" />
            <disk name="vde" snapshot="manual" />
          </disks>
          <revertDisks>
            <disk name="vda" snapshot="external" type="file">
              <driver type="qcow2" />
              <source file="/images/web1.1795205999" />
            </disk>
          </revertDisks>
          <domain>
            <uuid>93a5c045-6457-2c09-e56c-927cdf34e178</uuid>
          </domain>
          <cookie>
            <cpu mode="custom">
              <model>qemu64</model>
            </cpu>
            <slirpHelper />
          </cookie>
          <active>1</active>
        </domainsnapshot>

        """;

    [Fact]
    public void WhatLibvirtPrintsIsReadAndWrittenAlike()
    {
        SnapshotDocument read = User(Full);
        Assert.Equal(("before the upgrade", "third one", "vor dem Übergang", 1795205604L), (read.Name, read.Description, read.ParentName, read.CreationTime!.Value));
        Assert.Equal(("running", new SnapshotMemory(SnapshotMode.External, "/images/web1.mem"), true), (read.State, read.Memory, read.Active));
        Assert.Equal(["vda", "vdb", "vdc", "vdd", "vde"], read.DiskNames);
        Assert.Equal([SnapshotMode.External, SnapshotMode.No, SnapshotMode.External, SnapshotMode.Internal, SnapshotMode.Manual], read.Disks.Select(disk => disk.Mode!.Value));
        Assert.Equal(("file", "qcow2", "/images/web1.upgrade.qcow2"), (read.Disks[0].Type, read.Disks[0].DriverFormat, read.Disks[0].SourcePath));
        Assert.Equal(("block", "qed", "/dev/vg/over", true), (read.Disks[2].Type, read.Disks[2].DriverFormat, read.Disks[2].SourcePath, read.Disks[2].DeleteInProgress));
        Assert.Equal([new SnapshotDisk("vda", SnapshotMode.External, "file", "qcow2", "/images/web1.1795205999")], read.RevertDisks);
        Assert.Equal(Guid.Parse("93a5c045-6457-2c09-e56c-927cdf34e178"), read.DomainUuid);
        Assert.Null(read.Domain);
        Assert.Equal(Full, read.ToXml());
    }

    [Theory]
    [InlineData("<domainsnapshot/>")]
    [InlineData("<domainsnapshot><description>the system is in place</description><disks><disk name='vda'><source file='/i/new'/></disk><disk name='vdb' snapshot='no'/><disk name='vdc'><source file='/i/newc'><seclabel model='selinux' relabel='no'/></source></disk></disks></domainsnapshot>")]
    [InlineData("<domainsnapshot><disks/></domainsnapshot>")]
    [InlineData("<domainsnapshot><memory file='/i/mem'/></domainsnapshot>")]
    [InlineData("<domainsnapshot><memory snapshot='no'/><state>disk-snapshot</state></domainsnapshot>")]
    [InlineData("<domainsnapshot><memory snapshot='internal'/><state>paused</state><name>état: (1) + 😀</name></domainsnapshot>")]
    [InlineData("<domainsnapshot><disks><disk name='/i/old.img' snapshot='external'><driver/></disk></disks></domainsnapshot>")]
    [InlineData("<domainsnapshot><disks><disk name='vda' snapshot='external' type='network'><source protocol='gluster' name='v/i.qcow2'><host name='h1' port='24007'/><host name='h2'/></source></disk></disks></domainsnapshot>")]
    [InlineData("<domainsnapshot><disks><disk name='vda' type='block'><source dev='/dev/vg/n'><encryption format='luks'><secret type='passphrase' uuid='f52a81b2-424e-490c-823d-6bd4235bc572'/></encryption><slices><slice type='storage' offset='1' size='2'/></slices></source></disk></disks></domainsnapshot>")]
    [InlineData("<domainsnapshot><cookie/><active>0</active></domainsnapshot>")]
    public void EachVariantOfFormatsnapshotIsRead(string text)
    {
        SnapshotDocument read = User(text);
        Assert.Equal(read.ToXml(), User(read.ToXml()).ToXml());
        foreach (string word in (string[])["seclabel", "gluster", "luks", "slice ", "disk-snapshot", "/i/mem", "/i/new", "/i/old.img"])
            Assert.Equal(text.Contains(word, StringComparison.Ordinal), read.ToXml().Contains(word, StringComparison.Ordinal));
    }

    [Fact]
    public void ANewLayerAloneSaysThatTheDiskIsExternal()
    {
        SnapshotDocument read = User("<domainsnapshot><disks><disk name='vda'><source file='/i/n'/></disk><disk name='vdb'><driver type='qcow2'/></disk><disk name='vdc'/></disks></domainsnapshot>");
        Assert.Equal([SnapshotMode.External, SnapshotMode.External, null], read.Disks.Select(disk => disk.MeantMode));
        Assert.All(read.Disks, disk => Assert.Null(disk.Mode));
    }

    [Fact]
    public void APathIsChangedWithoutLosingWhatIsBesideIt()
    {
        SnapshotDisk read = User("<domainsnapshot><disks><disk name='vda'><source file='/i/n'><seclabel model='dac' relabel='no'/></source></disk></disks></domainsnapshot>").Disks[0];
        string text = (read with { SourcePath = "/i/other", DriverFormat = "qcow2" }).ToElement(secure: false).ToString();
        Assert.Contains("<source file=\"/i/other\">", text, StringComparison.Ordinal);
        Assert.Contains("seclabel", text, StringComparison.Ordinal);
        Assert.Contains("<driver type=\"qcow2\" />", text, StringComparison.Ordinal);
    }

    [Fact]
    public void BothDomainsAreKeptWithOrWithoutTheirSecrets()
    {
        string inactive = SampleXml.Domain.Replace("<domain ", "<inactiveDomain ", StringComparison.Ordinal).Replace("</domain>", "</inactiveDomain>", StringComparison.Ordinal);
        SnapshotDocument read = User($"<domainsnapshot>{inactive}{SampleXml.Domain}<disks><disk name='vda' type='network'><source protocol='http' name='x'><host name='h'/><cookies><cookie name='c'>hidden</cookie></cookies></source></disk></disks></domainsnapshot>");
        Assert.Equal(("web1", "web1"), (read.Domain!.Name, read.InactiveDomain!.Name));
        Assert.DoesNotContain("hidden", read.ToXml(), StringComparison.Ordinal);
        Assert.Equal(read.ToXml(secure: true), User(read.ToXml(secure: true)).ToXml(secure: true));
        Assert.Contains("<inactiveDomain ", read.ToXml(), StringComparison.Ordinal);
        Assert.True(read.ToXml(secure: true).Split("hidden").Length > 3);
        Assert.DoesNotContain("omain ", read.ToXml(includeDomain: false), StringComparison.Ordinal);
    }

    [Fact]
    public void OurElementsSurviveInTheStoreOnlyAndStandInFrontOfTheDomain()
    {
        string text = $"<domainsnapshot><future since='2'/>{SampleXml.Domain}<name>c</name><m:moment xmlns:m='https://momenttools.dev/xml/1' id='7'/></domainsnapshot>";
        string written = SnapshotDocument.Parse(text, "it", XmlOrigin.Store).ToXml(includeExtension: true);
        Assert.True(written.IndexOf("m:moment", StringComparison.Ordinal) < written.IndexOf("<domain ", StringComparison.Ordinal));
        Assert.Contains("<future since=\"2\" />", written, StringComparison.Ordinal);
        Assert.Equal(written, SnapshotDocument.Parse(written, "it", XmlOrigin.Store).ToXml(includeExtension: true));
        Assert.DoesNotContain("future", SnapshotDocument.Parse(text, "it", XmlOrigin.Store).ToXml(), StringComparison.Ordinal);
        Assert.Equal(XmlErrors.XmlRuleBroken, Assert.Throws<MomentException>(() => User(text)).ErrorId);
    }

    [Theory]
    [InlineData("<domaincheckpoint/>", "root element must be <domainsnapshot>")]
    [InlineData("<domainsnapshot x='1'/>", "'x' is unknown")]
    [InlineData("<domainsnapshot>\n<states/></domainsnapshot>", "line 2, <states>")]
    [InlineData("<domainsnapshot><state>asleep</state></domainsnapshot>", "'asleep' is not a state")]
    [InlineData("<domainsnapshot><state/></domainsnapshot>", "is not a state")]
    [InlineData("<domainsnapshot><creationTime>now</creationTime></domainsnapshot>", "whole number")]
    [InlineData("<domainsnapshot><active>2</active></domainsnapshot>", "from 0 to 1")]
    [InlineData("<domainsnapshot><memory/></domainsnapshot>", "needs the attribute 'snapshot'")]
    [InlineData("<domainsnapshot><memory snapshot='external'/></domainsnapshot>", "needs the attribute 'file'")]
    [InlineData("<domainsnapshot><memory snapshot='external' file='mem'/></domainsnapshot>", "absolute path")]
    [InlineData("<domainsnapshot><memory snapshot='internal' file='/mem'/></domainsnapshot>", "needs snapshot='external'")]
    [InlineData("<domainsnapshot><memory snapshot='manual'/></domainsnapshot>", "not 'manual'")]
    [InlineData("<domainsnapshot><memory snapshot='no'><a/></memory></domainsnapshot>", "<a>")]
    [InlineData("<domainsnapshot><memory snapshot='internal'/><state>shutoff</state></domainsnapshot>", "'shutoff' has no memory")]
    [InlineData("<domainsnapshot><memory file='/m'/><state>disk-snapshot</state></domainsnapshot>", "'disk-snapshot' has no memory")]
    [InlineData("<domainsnapshot><disks><disk/></disks></domainsnapshot>", "'name' is missing")]
    [InlineData("<domainsnapshot><disks><disk name='v d'/></disks></domainsnapshot>", "neither a target")]
    [InlineData("<domainsnapshot><disks><disk name='vda' snapshot='both'/></disks></domainsnapshot>", "not 'both'")]
    [InlineData("<domainsnapshot><disks><disk name='vda' snapshot='no'><source file='/a'/></disk></disks></domainsnapshot>", "those are for snapshot='external'")]
    [InlineData("<domainsnapshot><disks><disk name='vda' snapshot='internal' type='file'/></disks></domainsnapshot>", "those are for snapshot='external'")]
    [InlineData("<domainsnapshot><disks><disk name='vda' type='volume'/></disks></domainsnapshot>", "not 'volume'")]
    [InlineData("<domainsnapshot><disks><disk name='vda' type='network'/></disks></domainsnapshot>", "needs the element <source>")]
    [InlineData("<domainsnapshot><disks><disk name='vda' type='block'><source/></disk></disks></domainsnapshot>", "'dev' is missing")]
    [InlineData("<domainsnapshot><disks><disk name='vda'><source dev='/dev/x'/></disk></disks></domainsnapshot>", "'dev' is unknown")]
    [InlineData("<domainsnapshot><disks><disk name='vda'><source file='x'/></disk></disks></domainsnapshot>", "absolute path")]
    [InlineData("<domainsnapshot><disks><disk name='vda'><driver type='raw'/></disk></disks></domainsnapshot>", "not 'raw'")]
    [InlineData("<domainsnapshot><disks><disk name='vda'><driver><metadata_cache><max_size unit='x'>1</max_size></metadata_cache></driver></disk></disks></domainsnapshot>", "the unit 'x' is unknown")]
    [InlineData("<domainsnapshot><cookie>text</cookie></domainsnapshot>", "text may not stand")]
    [InlineData("<domainsnapshot><domain><uuid>x</uuid></domain></domainsnapshot>", "not a UUID")]
    [InlineData("<domainsnapshot><inactiveDomain><name>a</name></inactiveDomain></domainsnapshot>", "line 1, <inactiveDomain>: the attribute 'type' is missing")]
    public void ABrokenRuleIsToldWithItsPlace(string text, string rule)
    {
        var error = Assert.Throws<MomentException>(() => SnapshotDocument.Parse(text, "the gift", XmlOrigin.User));
        Assert.Equal(XmlErrors.XmlRuleBroken, error.ErrorId);
        Assert.Contains("the gift: line ", error.Message, StringComparison.Ordinal);
        Assert.Contains(rule, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("disks")]
    [InlineData("revertDisks")]
    public void ADiskIsNamedOnce(string list) =>
        Assert.Equal(XmlErrors.DiskNamedTwice, Assert.Throws<MomentException>(() => User($"<domainsnapshot><{list}><disk name='vda'/><disk name='vda'/></{list}></domainsnapshot>")).ErrorId);

    [Fact]
    public void ADomainOfItsOwnIsNeverAnInactiveOne() =>
        Assert.Throws<MomentException>(() => DomainDocument.Parse("<inactiveDomain type='kvm'><name>a</name></inactiveDomain>", "it"));

    private static SnapshotDocument User(string text) => SnapshotDocument.Parse(text, "it", XmlOrigin.User);
}
