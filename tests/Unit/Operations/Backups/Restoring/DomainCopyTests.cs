using System.Xml.Linq;
using MomentTools.Machines;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Backups.Restoring;

public sealed class DomainCopyTests
{
    private const string Old = "11111111-2222-3333-4444-555555555555";

    [Fact]
    public void TheCopyHasAnIdentityOfItsOwn()
    {
        DomainCopy copy = Make($"""
            <domain type='qemu' id='7'><name>web1</name><uuid>{Old}</uuid><genid>{Old}</genid>
              <metadata><mt:domain xmlns:mt='{XmlNames.Moments}' monitor='unix:/run/web1.qmp'/></metadata>
              <memory>65536</memory><sysinfo type='smbios'><system><entry name='uuid'>{Old}</entry><entry name='serial'>S-1</entry></system></sysinfo>
              <devices><interface type='user'><mac address='52:54:00:11:22:33'/><target dev='vnet3'/></interface><interface type='user'/></devices>
            </domain>
            """);

        Assert.Equal(("new", null), (copy.Domain.Name, copy.Domain.Monitor));
        string text = copy.Domain.ToXml(secure: true);
        foreach (string gone in (string[])[Old, "vnet3", "52:54:00:11:22:33", "id=\"7\""])
            Assert.DoesNotContain(gone, text, StringComparison.Ordinal);
        Assert.Contains("S-1", text, StringComparison.Ordinal);
        Assert.Equal(copy.Domain.Uuid.ToString(), copy.Domain.Root.Descendants("entry").First().Value);
        string[] macs = [.. copy.Domain.Root.Descendants("mac").Select(mac => mac.Attribute("address")!.Value)];
        Assert.Equal(2, macs.Distinct(StringComparer.Ordinal).Count());
        Assert.All(macs, mac => Assert.Matches("^52:54:00(:[0-9a-f]{2}){3}$", mac));
    }

    [Fact]
    public void ADiskGetsItsNewFileAndKeepsTheWayItIsDriven()
    {
        DomainCopy copy = Make("""
            <domain type='qemu'><name>web1</name><devices>
              <disk type='block' device='disk'>
                <driver name='qemu' type='raw' cache='none' discard='unmap'/><source dev='/dev/vg/web1' index='2'><seclabel relabel='no'/></source>
                <backingStore type='file'><format type='qcow2'/><source file='/images/base.qcow2'/></backingStore>
                <mirror type='file' job='copy'><source file='/images/elsewhere'/></mirror>
                <target dev='vda' bus='virtio'/><serial>D-1</serial><boot order='1'/>
              </disk>
              <disk type='network' device='disk'><source protocol='nbd' name='x'><host name='example.org'/></source><target dev='vdb' bus='virtio'/></disk>
            </devices></domain>
            """, ("vda", "/new/vda.qcow2", "qcow2"), ("vdb", "/new/vdb.raw", "raw"));

        DomainDisk disk = copy.Domain.FindDisk("vda")!;
        Assert.Equal(
            ("file", "/new/vda.qcow2", "qcow2", "none", "unmap", "D-1", 0),
            (disk.SourceType, disk.SourcePath, disk.Format, disk.Cache, disk.Discard, disk.Serial, disk.BackingStore.Count));
        DomainDisk other = copy.Domain.FindDisk("vdb")!;
        Assert.Equal(("file", "/new/vdb.raw", "raw"), (other.SourceType, other.SourcePath, other.Format));
        string text = copy.Domain.ToXml(secure: true);
        foreach (string gone in (string[])["/dev/vg", "/images", "mirror", "seclabel", "example.org"])
            Assert.DoesNotContain(gone, text, StringComparison.Ordinal);
        Assert.Contains("order=\"1\"", text, StringComparison.Ordinal);
        Assert.Empty(copy.Notes);
    }

    [Fact]
    public void WhatIsWrittenIsNeverSharedWithTheFirstMachine()
    {
        using var scratch = new ScratchDirectory();
        File.WriteAllText(scratch["there.iso"], "");
        File.WriteAllText(scratch["shared.raw"], "");
        DomainCopy copy = Make($"""
            <domain type='qemu'><name>web1</name><devices>
              <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/vda.qcow2'/><target dev='vda' bus='virtio'/></disk>
              <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{scratch["shared.raw"]}'/><target dev='vdb' bus='virtio'/></disk>
              <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{scratch["shared.raw"]}'/><target dev='vdc' bus='virtio'/><readonly/></disk>
              <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='{scratch["there.iso"]}'/><target dev='sr0' bus='sata'/><readonly/></disk>
              <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='/gone.iso'/><target dev='sr1' bus='sata'/><readonly/></disk>
            </devices></domain>
            """, ("vda", "/new/vda.qcow2", "qcow2"));

        Assert.Equal(["vda", "vdc", "sr0", "sr1"], copy.Domain.Disks.Select(disk => disk.Target));
        Assert.Equal(["/new/vda.qcow2", scratch["shared.raw"], scratch["there.iso"], null], copy.Domain.Disks.Select(disk => disk.SourcePath));
        Assert.Contains(copy.Notes, note => note.Contains("'vdb' is left out", StringComparison.Ordinal));
        Assert.Contains(copy.Notes, note => note.Contains("'sr1' is empty", StringComparison.Ordinal));
    }

    [Fact]
    public void FirmwareHasVariablesOfItsOwnOrNone()
    {
        const string Xml = """
            <domain type='qemu'><name>w</name><os><type machine='q35'>hvm</type><loader readonly='yes' type='pflash'>/there/is/no/CODE.fd</loader><nvram template='/usr/share/OVMF/VARS.fd' type='file'><source file='/var/old_VARS.fd'/></nvram></os></domain>
            """;
        XElement nvram = DomainCopy.Make(DomainDocument.Parse(Xml, "backup"), "new", "/new", Disks(), "/new/nvram.fd").Domain.Root.Element("os")!.Element("nvram")!;
        Assert.Equal("/new/nvram.fd", nvram.Value);
        Assert.Empty(nvram.Elements());

        DomainCopy without = Make(Xml);
        Assert.Null(without.Domain.Root.Element("os")!.Element("nvram"));
        Assert.Contains(without.Notes, note => note.Contains("'/var/old_VARS.fd' belongs to the first machine", StringComparison.Ordinal));
        Assert.Contains(without.Notes, note => note.Contains("/there/is/no/CODE.fd", StringComparison.Ordinal));
    }

    [Fact]
    public void FirmwareThatTheFirstMachineWritesIsOnlyRead()
    {
        DomainCopy copy = Make("<domain type='qemu'><name>w</name><os><type machine='q35'>hvm</type><loader readonly='no' type='pflash'>/var/w.fd</loader></os></domain>");
        Assert.Equal("yes", copy.Domain.Root.Element("os")!.Element("loader")!.Attribute("readonly")!.Value);
        Assert.Contains(copy.Notes, note => note.Contains("'/var/w.fd' is only read", StringComparison.Ordinal));
    }

    [Fact]
    public void NoSocketPortOrFileOfTheHostIsSharedAndQemuStillTakesIt()
    {
        DomainCopy copy = Make("""
            <domain type='qemu'><name>web1</name><memory>65536</memory><os><type machine='q35'>hvm</type></os><devices>
              <serial type='file'><source path='/var/log/old.log' append='on'/><target port='0'/></serial>
              <serial type='unix'><source mode='bind' path='/run/old.sock'/></serial>
              <serial type='null'/>
              <console type='pty' tty='/dev/pts/3'><source path='/dev/pts/3'/><log file='/var/log/console.log'/><target type='virtio'/></console>
              <channel type='unix'><source mode='bind' path='/run/old.agent'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
              <channel type='unix'><target type='virtio' name='without.source.0'/></channel>
              <channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>
              <graphics type='vnc' port='5907' autoport='no' listen='127.0.0.1'><listen type='address' address='127.0.0.1'/></graphics>
              <graphics type='spice'><listen type='socket' socket='/run/old.spice'/></graphics>
              <hostdev mode='subsystem' type='pci'><source/></hostdev>
            </devices></domain>
            """);

        string text = copy.Domain.ToXml(secure: true);
        foreach (string gone in (string[])["/var/log", "/run/old", "/dev/pts", "5907", "hostdev"])
            Assert.DoesNotContain(gone, text, StringComparison.Ordinal);
        Assert.Contains("/new/new.serial0.log", text, StringComparison.Ordinal);
        // The agent is still reached through a socket, where the document names one and where it leaves that to us.
        Assert.Equal(["unix", "unix", "spicevmc"], copy.Domain.Root.Descendants("channel").Select(channel => channel.Attribute("type")!.Value));
        Assert.Contains(copy.Notes, note => note.Contains("5907", StringComparison.Ordinal));
        Assert.NotEmpty(QemuCommandLine.Build(copy.Domain, new QemuRuntime("/r/qmp", "/r/qmp2", "/r/pid", null, new Dictionary<string, IReadOnlyList<ImageLayer>>(StringComparer.Ordinal))).Arguments);
    }

    [Fact]
    public void TheBackupsDocumentStaysAsItIs()
    {
        DomainDocument backup = DomainDocument.Parse("<domain type='qemu'><name>web1</name><devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/a'/><target dev='vda'/></disk><interface type='user'/></devices></domain>", "backup");
        string before = backup.ToXml(secure: true);
        DomainCopy.Make(backup, "new", "/new", Disks(("vda", "/new/vda", "qcow2")), null);
        Assert.Equal(before, backup.ToXml(secure: true));
    }

    private static DomainCopy Make(string xml, params (string Target, string Path, string Format)[] disks) =>
        DomainCopy.Make(DomainDocument.Parse(xml, "backup"), "new", "/new", Disks(disks), null);

    private static Dictionary<string, (string Path, string Format)> Disks(params (string Target, string Path, string Format)[] disks) =>
        disks.ToDictionary(disk => disk.Target, disk => (disk.Path, disk.Format), StringComparer.Ordinal);
}
