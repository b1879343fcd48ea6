using MomentTools.Machines;
using MomentTools.Operations.Backups.Checking;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Operations.Backups.Checking;

public sealed class IsolatedDomainTests
{
    [Fact]
    public void NothingLeadsOutOfTheMachine()
    {
        IsolatedDomain isolated = IsolatedDomain.Make(DomainDocument.Parse("""
            <domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>w</name><memory>65536</memory><os><type machine='q35'>hvm</type></os><devices>
              <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' io='native'/><source file='/t/vda.qcow2'/><target dev='vda' bus='virtio'/></disk>
              <interface type='bridge'><source bridge='br0'/></interface><interface type='user'/><hostdev mode='subsystem' type='usb'><source/></hostdev>
              <filesystem type='mount'/><tpm model='tpm-crb'/><vsock model='virtio'/><graphics type='vnc' port='5900'/><parallel type='dev'><source path='/dev/parport0'/></parallel>
              <serial type='unix'><source mode='bind' path='/run/other.sock'/><log file='/var/log/other'/></serial><serial type='pty'/>
              <console type='pty'><target type='serial'/></console><console type='pty'><target type='virtio'/></console>
              <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel><channel type='spicevmc'><target type='virtio'/></channel>
            </devices><qemu:commandline><qemu:arg value='-nic'/><qemu:arg value='tap'/></qemu:commandline></domain>
            """, "backup"), "/t");

        Assert.Equal(["/t/console0.log", "/t/console1.log", "/t/console2.log", "/t/console3.log"], isolated.Consoles);
        Assert.Equal(["channel", "console", "console", "disk", "serial", "serial"], isolated.Domain.Root.Element("devices")!.Elements().Select(element => element.Name.LocalName).Order(StringComparer.Ordinal));
        Assert.Equal("unsafe", isolated.Domain.Disks[0].Cache);
        string text = isolated.Domain.ToXml(secure: true);
        foreach (string gone in (string[])["br0", "/run/", "/var/", "5900", "commandline", "io="])
            Assert.DoesNotContain(gone, text, StringComparison.Ordinal);
        var chains = new Dictionary<string, IReadOnlyList<ImageLayer>>(StringComparer.Ordinal) { ["vda"] = [new ImageLayer("mt-vda", "/t/vda.qcow2", "qcow2", ReadOnly: false, IsBlockDevice: false)] };
        IReadOnlyList<string> arguments = QemuCommandLine.Build(isolated.Domain, new QemuRuntime("/r/qmp", "/r/qmp2", "/r/pid", null, chains)).Arguments;
        Assert.DoesNotContain(arguments, argument => argument.Contains("netdev", StringComparison.Ordinal));
    }

    [SkippableTheory]
    [InlineData("/mnt/stick/qemu-system-x86_64", false)]
    [InlineData("/usr/bin/../../mnt/qemu-system-x86_64", false)]
    [InlineData("/usr/bin/env", false)]
    [InlineData(null, true)]
    public void OnlyAnInstalledEmulatorIsStartedAndNoFirmwareButItsOwnIsWritten(string? emulator, bool stays)
    {
        Tool.Require("qemu-system-x86_64");
        emulator ??= QemuPrograms.Require("qemu-system-x86_64");
        IsolatedDomain isolated = IsolatedDomain.Make(DomainDocument.Parse($"""
            <domain type='qemu'><name>w</name><os><type>hvm</type><loader type='pflash' readonly='no'>/usr/share/code.fd</loader><nvram>/t/nvram.fd</nvram><nvram>/mine/nvram.fd</nvram></os>
              <devices><emulator>{emulator}</emulator></devices></domain>
            """, "backup"), "/t");

        Assert.Equal(stays ? emulator : null, isolated.Domain.Emulator);
        Assert.Equal("yes", isolated.Domain.Root.Descendants("loader").Single().Attribute("readonly")!.Value);
        Assert.Equal("/t/nvram.fd", isolated.Domain.Root.Descendants("nvram").Single().Value);
    }

    [Fact]
    public void AMachineWithoutAConsoleGetsOne()
    {
        IsolatedDomain isolated = IsolatedDomain.Make(DomainDocument.Parse("<domain type='qemu'><name>w</name></domain>", "backup"), "/t");

        Assert.Equal(["/t/console0.log"], isolated.Consoles);
        Assert.Equal("/t/console0.log", isolated.Domain.Root.Descendants("serial").Single().Element("source")!.Attribute("path")!.Value);
    }
}
