using System.Xml.Linq;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Backups.Restoring;

/// <summary>What is another machine's afterwards, what is left out, and what is told of it.</summary>
public sealed class CopiedMachineTests : IDisposable
{
    private const string Uuid = "6f1b2a6e-3c1d-4a55-9a9e-0d6f3a0c1b11";

    private readonly ScratchDirectory _scratch = new();

    [Fact]
    public void NameUuidAndAddressesAreItsOwn()
    {
        DomainCopy copy = Make(
            "<interface type='network'><mac address='52:54:00:11:22:33'/><source network='default'/><target dev='vnet7'/></interface><interface type='user'/>",
            $"<genid>{Uuid}</genid><sysinfo type='smbios'><system><entry name='uuid'>{Uuid}</entry></system></sysinfo>");
        Assert.Equal("new", copy.Domain.Name);
        Assert.DoesNotContain(Uuid, copy.Domain.ToXml(), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(copy.Domain.Uuid!.Value.ToString("D"), Root(copy).Element("sysinfo")!.Value);
        string[] addresses = [.. Devices(copy, "interface").Select(card => card.Element("mac")!.Attribute("address")!.Value)];
        Assert.Equal(2, addresses.Distinct(StringComparer.Ordinal).Count());
        Assert.All(addresses, address => Assert.Matches("^52:54:00(:[0-9a-f]{2}){3}$", address));
        Assert.DoesNotContain("52:54:00:11:22:33", addresses);
        Assert.DoesNotContain("vnet7", copy.Domain.ToXml(), StringComparison.Ordinal);
        Assert.Empty(copy.Notes);
    }

    [Fact]
    public void AMonitorOfSomebodyElsesIsNotTakenAlong()
    {
        DomainDocument original = Document("", "").WithMonitor("unix:/run/theirs.qmp");
        Assert.Null(DomainCopy.Make(original, "new", _scratch.Path, Images, null).Domain.Monitor);
    }

    [Theory]
    [InlineData("<serial type='unix'><source mode='bind' path='/run/s'/></serial>", "/run/s", "<serial type=\"pty\"")]
    [InlineData("<serial type='tcp'><source mode='bind' host='0.0.0.0' service='4555'/><protocol type='raw'/></serial>", "4555", "<serial type=\"pty\"")]
    [InlineData("<serial type='file'><source path='/var/log/s'/></serial>", "/var/log/s", "new.serial0.log")]
    [InlineData("<serial type='pty'><log file='/var/log/l'/></serial>", "/var/log/l", "<serial type=\"pty\"")]
    [InlineData("<channel type='unix'><source mode='bind' path='/run/c'/><target type='virtio' name='org.x'/></channel>", "/run/c", "<source mode=\"bind\"")]
    [InlineData("<channel type='unix'><source mode='connect' path='/run/c'/><target type='virtio' name='org.x'/></channel>", "/run/c", "<source mode=\"bind\"")]
    [InlineData("<graphics type='vnc' port='5907' autoport='no'/>", "5907", "port=\"-1\" autoport=\"yes\"")]
    [InlineData("<graphics type='vnc' socket='/run/v'/>", "/run/v", "autoport=\"yes\"")]
    [InlineData("<graphics type='vnc'><listen type='socket' socket='/run/v'/></graphics>", "/run/v", "autoport=\"yes\"")]
    [InlineData("<graphics type='spice' port='5910' tlsPort='5911'/>", "5910 and 5911", "port=\"-1\"")]
    [InlineData("<interface type='ethernet'><target dev='tap3'/></interface>", "tap3", "<interface type=\"ethernet\"")]
    [InlineData("<hostdev mode='subsystem' type='pci'><source/></hostdev>", "type='pci'", "<devices>")]
    public void WhatBothWouldWantOfTheHostIsChangedAndTold(string device, string told, string instead)
    {
        DomainCopy copy = Make(device);
        Assert.Contains(copy.Notes, note => note.Contains(told, StringComparison.Ordinal));
        string xml = Root(copy).Element("devices")!.ToString();
        Assert.Contains(instead, xml, StringComparison.Ordinal);
        Assert.DoesNotContain(told, xml, StringComparison.Ordinal);
        Assert.DoesNotContain("hostdev", xml, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<serial type='pty'><source path='/dev/pts/4'/></serial>")]
    [InlineData("<graphics type='vnc' port='-1' autoport='yes'/>")]
    [InlineData("<graphics type='vnc' port='5903' autoport='yes'/>")]
    [InlineData("<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>")]
    [InlineData("<channel type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/channel/target/x'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>")]
    public void WhatTheHostGivesAnewEachTimeIsNotTold(string device) => Assert.Empty(Make(device).Notes);

    [Fact]
    public void TheDisksAreTheRestoredOnesAndWhatBothMayReadStays()
    {
        string there = _scratch["there.iso"], gone = _scratch["gone.iso"];
        File.WriteAllText(there, "");
        DomainCopy copy = Make($"""
            <disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='/other.img'/><target dev='vdb' bus='virtio'/></disk>
            <disk type='network' device='disk'><source protocol='rbd' name='p/i'/><target dev='vdc' bus='virtio'/></disk>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{there}'/><target dev='vdd' bus='virtio'/><readonly/></disk>
            <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='{there}'/><target dev='sda' bus='sata'/></disk>
            <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='{gone}'/><target dev='sdb' bus='sata'/></disk>
            """);
        Assert.Equal(["vda", "vdd", "sda", "sdb"], copy.Domain.Disks.Select(disk => disk.Target));
        Assert.Equal((Images["vda"].Path, "qcow2", "unmap"), (copy.Domain.Disks[0].SourcePath, copy.Domain.Disks[0].Format, copy.Domain.Disks[0].Discard));
        Assert.Empty(copy.Domain.Disks[0].BackingStore);
        Assert.Equal([there, there, null], copy.Domain.Disks.Skip(1).Select(disk => disk.SourcePath));
        Assert.Equal(3, copy.Notes.Count);
        Assert.All((string[])["'vdb' is left out", "'vdc' is left out", "'sdb' is empty"], told => Assert.Contains(copy.Notes, note => note.Contains(told, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TheFirmwaresVariablesAreItsOwnOrNone(bool stored)
    {
        string code = _scratch["code.fd"];
        File.WriteAllText(code, "");
        DomainDocument original = Document("", $"<loader readonly='yes' type='pflash'>{code}</loader><nvram template='/t.fd'>/theirs.fd</nvram>", os: true);
        DomainCopy copy = DomainCopy.Make(original, "new", _scratch.Path, Images, stored ? "/mine.fd" : null);
        XElement? nvram = Root(copy).Element("os")!.Element("nvram");
        Assert.Equal(stored ? "/mine.fd" : null, nvram?.Value);
        Assert.Null(nvram?.Attribute("template"));
        Assert.Equal(!stored, copy.Notes.Any(note => note.Contains("/theirs.fd", StringComparison.Ordinal)));
    }

    [Fact]
    public void ArgumentsOfQemuAreKeptAndTold()
    {
        DomainCopy copy = Make("", "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-gdb'/><qemu:arg value='tcp::1234'/></qemu:commandline>");
        Assert.Equal(["-gdb", "tcp::1234"], copy.Domain.QemuArguments);
        Assert.Contains("-gdb tcp::1234", Assert.Single(copy.Notes), StringComparison.Ordinal);
    }

    public void Dispose() => _scratch.Dispose();

    private Dictionary<string, (string Path, string Format)> Images => new(StringComparer.Ordinal) { ["vda"] = (_scratch["new.vda.qcow2"], "qcow2") };

    private DomainCopy Make(string devices, string elements = "") => DomainCopy.Make(Document(devices, elements), "new", _scratch.Path, Images, null);

    private static DomainDocument Document(string devices, string elements, bool os = false) => DomainDocument.Parse($"""
        <domain type='qemu' id='3'><name>web1</name><uuid>{Uuid}</uuid>{(os ? "" : elements)}<memory unit='MiB'>64</memory>
          <os><type arch='x86_64' machine='q35'>hvm</type>{(os ? elements : "")}</os>
          <devices>
            <disk type='block' device='disk'><driver name='qemu' type='raw' discard='unmap'/><source dev='/dev/old' index='1'><slices><slice type='storage' offset='1' size='2'/></slices></source>
              <backingStore type='file'><format type='qcow2'/><source file='/base'/><backingStore/></backingStore><target dev='vda' bus='virtio'/></disk>
            {devices}
          </devices>
        </domain>
        """, "the test's document");

    private static XElement Root(DomainCopy copy) => copy.Domain.Root;

    private static IEnumerable<XElement> Devices(DomainCopy copy, string name) => Root(copy).Element("devices")!.Elements(name);
}
