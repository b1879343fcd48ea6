using MomentTools.Operations.Snapshots;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>What a saved memory needs of a machine, and what is of no consequence for it.</summary>
public sealed class DefinitionFitTests
{
    private const string Xml = """
        <domain type='qemu'><name>web</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
          <os><type arch='x86_64' machine='q35'>hvm</type></os><cpu mode='custom'><model>qemu64</model></cpu>
          <devices>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/a.qcow2'/><target dev='vda' bus='virtio'/></disk>
            <interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>
            <serial type='pty'><source path='/dev/pts/1'/><target port='0'/></serial>
            <graphics type='vnc' port='5900'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
          </devices>
        </domain>
        """;

    [Theory]
    [InlineData("<name>web</name>", "<name>other</name>")]
    [InlineData("/a.qcow2", "/b.qcow2")]
    [InlineData("type='qcow2'", "type='qcow2' cache='none'")]
    [InlineData("/dev/pts/1", "/dev/pts/7")]
    [InlineData("<serial type='pty'><source path='/dev/pts/1'/>", "<serial type='file'><source path='/log'/>")]
    [InlineData("port='5900'", "port='5901'")]
    [InlineData("<vcpu>1</vcpu>", "<vcpu> 1 </vcpu>")]
    public void WhatTheGuestCannotSeeIsNoDifference(string then, string now) => Assert.Empty(Differences(then, now));

    [Theory]
    [InlineData("machine='q35'", "machine='pc'", "the machine type is pc (x86_64), and was q35 (x86_64)")]
    [InlineData("unit='MiB'>64<", "unit='MiB'>96<", "the memory is 96 MiB, and was 64 MiB")]
    [InlineData("<vcpu>1</vcpu>", "<vcpu>2</vcpu>", "the number of processors is 2, and was 1")]
    [InlineData("qemu64", "max", "<cpu> is another one")]
    [InlineData("bus='virtio'", "bus='scsi'", "disk 'vda' is on scsi, and was on virtio")]
    [InlineData("dev='vda'", "dev='vdb'", "disk 'vda' is gone", "disk 'vdb' is new")]
    [InlineData("<model type='virtio'/>", "<model type='e1000'/>", "interface '52:54:00:00:00:01' is e1000, and was virtio")]
    [InlineData("<rng model='virtio'>", "<rng model='virtio-transitional'>", "<rng> is another one")]
    [InlineData("<graphics", "<watchdog model='i6300esb'/><graphics", "it has 1 of <watchdog>, and had 0")]
    public void WhatTheGuestSeesIsNamed(string then, string now, params string[] expected) => Assert.Equal(expected, Differences(then, now));

    private static IReadOnlyList<string> Differences(string then, string now)
    {
        Assert.Contains(then, Xml, StringComparison.Ordinal);
        return DefinitionFit.Differences(DomainDocument.Parse(Xml, "then"), DomainDocument.Parse(Xml.Replace(then, now, StringComparison.Ordinal), "now"));
    }
}
