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

    private static SnapshotDocument User(string text) => SnapshotDocument.Parse(text, "it", XmlOrigin.User);
}
