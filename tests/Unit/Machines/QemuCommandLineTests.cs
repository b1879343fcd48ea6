using System.Text;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Tests.Machines;

public sealed class QemuCommandLineTests
{
    [Fact]
    public void AModernMachineBuilds()
    {
        QemuCommandLine line = QemuCommandLine.Build(
            DomainDocument.Parse(LaunchSamples.Modern, "it"),
            LaunchSamples.Runtime(("vda", [LaunchSamples.Top("vda", "/images/web1.qcow2")])));
        Assert.Equal(
            """
            -name guest=web,, 1
            -uuid 93a5c045-6457-2c09-e56c-927cdf34e178
            -no-user-config
            -nodefaults
            -machine type=pc-q35-7.2,hpet=off
            -accel kvm
            -cpu host,migratable=on
            -m size=2097152k
            -smp 2,sockets=2,cores=1,threads=1
            -rtc base=utc,driftfix=slew
            -global kvm-pit.lost_tick_policy=delay
            -global ICH9-LPC.disable_s3=1
            -global ICH9-LPC.disable_s4=1
            -boot strict=on
            -blockdev {"driver":"qcow2","node-name":"mt-vda","read-only":false,"file":{"driver":"file","filename":"/images/web1.qcow2","node-name":"mt-vda-f","aio":"native","discard":"unmap","cache":{"direct":true,"no-flush":false}},"discard":"unmap","cache":{"direct":true,"no-flush":false},"backing":null}
            -device {"driver":"virtio-blk-pci","id":"mt-vda","drive":"mt-vda","bootindex":1,"write-cache":"on"}
            -device {"driver":"ide-cd","bus":"ide.0","id":"mt-sda"}
            -netdev bridge,id=mt-net0-host,br=virbr0
            -device {"driver":"virtio-net-pci","mac":"52:54:00:6b:3c:58","id":"mt-net0","netdev":"mt-net0-host"}
            -chardev pty,id=mt-serial0
            -serial chardev:mt-serial0
            -device {"driver":"virtio-serial-pci","id":"mt-virtio-serial0"}
            -chardev socket,id=mt-channel0,path=/run/m/1.qmp.agent,server=on,wait=off
            -device {"driver":"virtserialport","bus":"mt-virtio-serial0.0","chardev":"mt-channel0","name":"org.qemu.guest_agent.0"}
            -display none
            -vnc 127.0.0.1:0,to=99
            -device {"driver":"virtio-vga","id":"mt-video0","max_outputs":1}
            -qmp unix:/run/m/1.qmp,server=on,wait=off
            -qmp unix:/run/m/1b.qmp,server=on,wait=off
            -pidfile /run/m/1.pid
            -D /state/web/qemu.log
            -daemonize
            """,
            Text(line));
        Assert.Equal("/usr/bin/qemu-system-x86_64", line.Emulator);
        Assert.Equal("/run/m/1.qmp.agent", line.AgentPath);
        Assert.Equal(["Of the XML of domain 'web, 1' these elements are ignored: audio, channel/address, controller, disk/address, input, interface/address, memballoon, rng."], line.Warnings);
    }

    [Fact]
    public void AClassicMachineBuilds()
    {
        QemuCommandLine line = QemuCommandLine.Build(
            DomainDocument.Parse(LaunchSamples.Classic, "it"),
            LaunchSamples.Runtime(
                ("hda", [LaunchSamples.Top("hda-1", "/images/win.ov1.qcow2"), LaunchSamples.Top("hda", "/images/win.qcow2", readOnly: true)]),
                ("sdb", [LaunchSamples.Top("sdb", "/dev/vg/data", "raw", block: true)]),
                ("hdc", [LaunchSamples.Top("hdc", "/iso/a,b.iso", "raw", readOnly: true)])));
        Assert.Equal(
            """
            -name guest=win
            -uuid c7a5fdbd-edaf-9455-926a-d65c16db1809
            -no-user-config
            -nodefaults
            -machine type=pc-i440fx-7.2,vmport=off
            -accel tcg
            -cpu Nehalem,aes=on,x2apic=off,hv-time=on,hv-relaxed=on,hv-vapic=on,hv-spinlocks=0x1fff
            -m size=1048576k
            -smp 2,maxcpus=4,sockets=1,dies=1,cores=2,threads=2
            -rtc base=localtime
            -no-reboot
            -device {"driver":"vmgenid","guid":"4e1c2f1c-6d2d-4f7c-9b8a-1d2f3a4b5c6d","id":"mt-vmgenid0"}
            -boot strict=on,menu=on,splash-time=3000
            -blockdev {"driver":"qcow2","node-name":"mt-hda","read-only":true,"file":{"driver":"file","filename":"/images/win.qcow2","node-name":"mt-hda-f","auto-read-only":true,"cache":{"direct":false,"no-flush":false}},"cache":{"direct":false,"no-flush":false},"backing":null}
            -blockdev {"driver":"qcow2","node-name":"mt-hda-1","read-only":false,"file":{"driver":"file","filename":"/images/win.ov1.qcow2","node-name":"mt-hda-1-f","cache":{"direct":false,"no-flush":false}},"cache":{"direct":false,"no-flush":false},"backing":"mt-hda"}
            -device {"driver":"ide-hd","bus":"ide.0","unit":0,"id":"mt-hda","drive":"mt-hda-1","bootindex":2,"serial":"WD-1","write-cache":"off","werror":"enospc","rerror":"report"}
            -blockdev {"driver":"raw","node-name":"mt-sdb","read-only":false,"file":{"driver":"host_device","filename":"/dev/vg/data","node-name":"mt-sdb-f","discard":"unmap"},"discard":"unmap","detect-zeroes":"unmap"}
            -device {"driver":"virtio-scsi-pci","id":"mt-scsi0"}
            -device {"driver":"scsi-hd","bus":"mt-scsi0.0","channel":0,"scsi-id":0,"lun":1,"id":"mt-sdb","drive":"mt-sdb","wwn":5764824127192592810}
            -blockdev {"driver":"raw","node-name":"mt-hdc","read-only":true,"file":{"driver":"file","filename":"/iso/a,b.iso","node-name":"mt-hdc-f","auto-read-only":true}}
            -device {"driver":"ide-cd","bus":"ide.1","unit":0,"id":"mt-hdc","drive":"mt-hdc","bootindex":1}
            -device {"driver":"floppy","unit":0,"id":"mt-fda"}
            -netdev bridge,id=mt-net0-host,br=br0
            -device {"driver":"e1000","mac":"52:54:00:00:00:01","id":"mt-net0","netdev":"mt-net0-host","bootindex":3}
            -netdev user,id=mt-net1-host
            -device {"driver":"rtl8139","mac":"52:54:00:00:00:02","id":"mt-net1","netdev":"mt-net1-host"}
            -netdev tap,id=mt-net2-host,ifname=tap0,script=no,downscript=no
            -device {"driver":"virtio-net-pci","host_mtu":9000,"id":"mt-net2","netdev":"mt-net2-host"}
            -chardev file,id=mt-serial0,path=/log/win,,com.txt,append=on
            -serial chardev:mt-serial0
            -chardev socket,id=mt-serial1,path=/run/com2,server=on,wait=off
            -serial chardev:mt-serial1
            -device {"driver":"virtio-serial-pci","id":"mt-virtio-serial0"}
            -chardev socket,id=mt-channel0,path=/run/m/1.qmp.agent,server=on,wait=off
            -device {"driver":"virtserialport","bus":"mt-virtio-serial0.0","chardev":"mt-channel0","name":"org.qemu.guest_agent.0"}
            -chardev spicevmc,id=mt-channel1,name=vdagent
            -device {"driver":"virtserialport","bus":"mt-virtio-serial0.0","chardev":"mt-channel1","name":"com.redhat.spice.0"}
            -display none
            -spice port=5901,addr=127.0.0.1
            -device {"driver":"qxl-vga","id":"mt-video0","ram_size":67108864,"vram_size":67108864,"vgamem_mb":16,"max_outputs":1}
            -qmp unix:/run/m/1.qmp,server=on,wait=off
            -qmp unix:/run/m/1b.qmp,server=on,wait=off
            -pidfile /run/m/1.pid
            -D /state/web/qemu.log
            -daemonize
            """,
            Text(line));
        Assert.Equal("qemu-system-x86_64", line.Emulator);
        Assert.Equal(["Of the XML of domain 'win' these elements are ignored: controller, disk/address, graphics/image, on_crash, redirdev, resource, seclabel, sound."], line.Warnings);
        Assert.Equal("secret", line.Passwords["spice"]);
        Assert.DoesNotContain(line.Arguments, argument => argument.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public void AMinimalDocumentBuildsWithoutAWarning()
    {
        DomainDocument domain = DomainDocument.Minimal("qemu", "m", Guid.Empty, 65536, "pc", [new DomainDisk { Target = "vda", Bus = "virtio", SourcePath = "/i", Format = "qcow2" }]).WithMonitor("/run/x");
        QemuCommandLine line = QemuCommandLine.Build(domain, LaunchSamples.Runtime(("vda", [LaunchSamples.Top("vda", "/i")])));
        Assert.Empty(line.Warnings);
        Assert.Contains("-machine type=pc\n", Text(line), StringComparison.Ordinal);
    }

    [Fact]
    public void TheUsersArgumentsComeLast()
    {
        QemuCommandLine line = QemuCommandLine.Build(
            LaunchSamples.Small(rest: "<qemu:commandline><qemu:arg value='-device'/><qemu:arg value='edu,x=1'/><qemu:env name='A' value='b'/></qemu:commandline>"),
            LaunchSamples.Runtime());
        Assert.Equal(["-daemonize", "-device", "edu,x=1"], line.Arguments.TakeLast(3));
        Assert.Equal("b", line.Environment["A"]);
    }

    [Theory]
    [InlineData("<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd'/><target dev='vda' bus='virtio'/></disk>", "disk 'vda' of type 'network'")]
    [InlineData("<disk type='file' device='disk'><source file='/i'/><target dev='vda' bus='virtio'/><encryption format='luks'/></disk>", "<encryption>")]
    [InlineData("<disk type='block' device='lun'><source dev='/i'/><target dev='sda' bus='scsi'/></disk>", "handed through")]
    [InlineData("<disk type='file'><source file='/i'/><target dev='sda' bus='usb'/></disk>", "'usb'")]
    [InlineData("<disk type='file'><source file='/i'/><target dev='vda'/><transient/></disk>", "<transient>")]
    [InlineData("<disk type='file'><source file='/i'/><target dev='sda' bus='scsi'/></disk><controller type='scsi' index='0' model='lsilogic'/>", "'lsilogic'")]
    [InlineData("<hostdev mode='subsystem' type='pci'/>", "<hostdev>")]
    [InlineData("<tpm model='tpm-crb'/>", "<tpm>")]
    [InlineData("<filesystem/>", "<filesystem>")]
    [InlineData("<something-new/>", "<something-new>")]
    [InlineData("<interface type='direct'/>", "'direct'")]
    [InlineData("<interface type='network'><source network='lab'/></interface>", "a network whose bridge is not said")]
    [InlineData("<interface type='user'><model type='lan9118'/></interface>", "'lan9118'")]
    [InlineData("<serial type='tcp'/>", "'tcp'")]
    [InlineData("<graphics type='sdl'/>", "'sdl'")]
    [InlineData("<video><model type='xen'/></video>", "'xen'")]
    public void WhatTheGuestWouldMissIsRefusedByName(string device, string name) => AssertRefused(() => LaunchSamples.Small("\n" + device), name, "line 2");

    [Theory]
    [InlineData("<os><type>xen</type></os>", "'hvm'")]
    [InlineData("<os firmware='efi'><type>hvm</type></os>", "firmware='efi'")]
    [InlineData("<os><type>hvm</type><smbios mode='sysinfo'/></os>", "SMBIOS")]
    [InlineData("<features><acpi/><tcg/></features>", "<tcg>")]
    [InlineData("<features><hyperv><xmm_input state='on'/></hyperv></features>", "<xmm_input>")]
    [InlineData("<cpu><numa/></cpu>", "<numa>")]
    [InlineData("<clock offset='variable'/>", "'variable'")]
    [InlineData("<clock><timer name='tsc' frequency='1'/></clock>", "'tsc'")]
    [InlineData("<maxMemory slots='4'>100</maxMemory>", "<maxMemory>")]
    [InlineData("<launchSecurity type='sev'/>", "<launchSecurity>")]
    [InlineData("<sysinfo type='smbios'/>", "<sysinfo>")]
    [InlineData("<qemu:override/>", "override")]
    public void WhatTheBoardLacksIsRefusedByName(string element, string name) => AssertRefused(() => LaunchSamples.Small(rest: "\n" + element), name, "line 2");

    [Fact]
    public void AnotherHypervisorIsRefused() => AssertRefused(() => LaunchSamples.Small(type: "xen"), "'xen'", "line 1");

    [Fact]
    public void AMachineWithoutMemoryIsRefused() =>
        Assert.Equal("XmlRuleBroken", Assert.Throws<MomentException>(() => QemuCommandLine.Build(DomainDocument.Parse("<domain type='kvm'><name>a</name></domain>", "it"), LaunchSamples.Runtime())).ErrorId.Name);

    [Theory]
    [InlineData("<graphics type='vnc' port='5903' listen='0.0.0.0'/>", "-vnc 0.0.0.0:3")]
    [InlineData("<graphics type='vnc' port='5900' listen='::1' keymap='de'/>", "-vnc [::1]:0 -k de")]
    [InlineData("<graphics type='vnc' port='5900' passwd='x'/>", "-vnc 127.0.0.1:0,password=on")]
    [InlineData("<graphics type='vnc'><listen type='socket' socket='/run/v,nc'/></graphics>", "-vnc unix:/run/v,,nc")]
    [InlineData("<graphics type='vnc'><listen type='none'/></graphics>", "-vnc none")]
    [InlineData("<graphics type='spice' autoport='yes'/>", "-spice unix=on,addr=/run/m/1.qmp.spice,disable-ticketing=on")]
    [InlineData("<console type='pty'><target type='serial'/></console>", "-chardev pty,id=mt-serial0 -serial chardev:mt-serial0")]
    [InlineData("<interface type='network'><source network='lab' bridge='virbr7'/><model type='virtio'/></interface>", "-netdev bridge,id=mt-net0-host,br=virbr7")]
    [InlineData("<disk type='file' device='cdrom'><target dev='sdc' bus='sata'/></disk>", """-device {"driver":"ahci","id":"mt-sata0"} -device {"driver":"ide-cd","bus":"mt-sata0.2","id":"mt-sdc"}""")]
    [InlineData("<disk type='file' device='cdrom'><target dev='hdd' bus='ide'/></disk>", """-device {"driver":"ide-cd","bus":"ide.1","unit":1,"id":"mt-hdd"}""")]
    [InlineData("<disk type='file' device='cdrom'><target dev='sdb' bus='scsi'/><address type='drive' controller='1' bus='0' target='3' unit='5'/></disk>", """-device {"driver":"virtio-scsi-pci","id":"mt-scsi1"} -device {"driver":"scsi-cd","bus":"mt-scsi1.0","channel":0,"scsi-id":3,"lun":5,"id":"mt-sdb"}""")]
    public void ADeviceBuilds(string device, string expected) =>
        Assert.Contains(expected, Flat(LaunchSamples.Small(device)), StringComparison.Ordinal);

    [Theory]
    [InlineData("<os><type>hvm</type><kernel>/k</kernel><initrd>/i</initrd><cmdline>console=ttyS0, quiet</cmdline></os>", "-kernel /k -initrd /i -append console=ttyS0, quiet -boot strict=on")]
    [InlineData("<os><type>hvm</type><loader>/bios.bin</loader></os>", "-bios /bios.bin")]
    [InlineData("<os><type machine='q35'>hvm</type><loader readonly='yes' type='pflash'>/code.fd</loader><nvram template='/t'>/vars.fd</nvram></os>", "-machine type=q35,pflash0=mt-pflash0,pflash1=mt-pflash1")]
    [InlineData("<os><type machine='q35'>hvm</type></os><features><apic/><smm state='on'/></features>", "-machine type=q35,acpi=off,smm=on")]
    [InlineData("<cpu mode='host-model'/>", "-cpu max")]
    [InlineData("<features><acpi/><kvm><hidden state='on'/></kvm></features>", "-cpu qemu64,kvm=off")]
    [InlineData("<vcpu>3</vcpu>", "-smp 3,sockets=3,cores=1,threads=1")]
    public void TheBoardBuilds(string element, string expected) =>
        Assert.Contains(expected, Flat(LaunchSamples.Small(rest: element)), StringComparison.Ordinal);

    [Fact]
    public void TheFirstDiskOfItsKindBoots()
    {
        DomainDocument domain = LaunchSamples.Small(
            "<disk device='cdrom'><target dev='hda' bus='ide'/></disk><disk device='cdrom'><target dev='hdb' bus='ide'/></disk><interface type='user'/>",
            "<os><type>hvm</type><boot dev='network'/><boot dev='cdrom'/></os>");
        string text = Flat(domain);
        Assert.Contains("""id":"mt-hda","bootindex":2}""", text, StringComparison.Ordinal);
        Assert.Contains("""id":"mt-hdb"}""", text, StringComparison.Ordinal);
        Assert.Contains("""netdev":"mt-net0-host","bootindex":1}""", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vda", 0)]
    [InlineData("sdz", 25)]
    [InlineData("vdaa", 26)]
    [InlineData("hdc", 2)]
    [InlineData("xvdb", 1)]
    [InlineData("x", 0)]
    public void LettersAreCounted(string target, int index) => Assert.Equal(index, DiskControllers.IndexOf(target));

    [Fact]
    public void WhatLibvirtPrintsOfARunningMachineBuilds()
    {
        QemuCommandLine line = QemuCommandLine.Build(DomainDocument.Parse(LiveSample.Xml, "it"), LaunchSamples.Runtime(("vda", [LaunchSamples.Top("vda", "/images/ord.qcow2")])));
        Assert.Equal(
            ["Of the XML of domain 'ord' these elements are ignored: audio, channel/address, controller, disk/address, input, interface/address, memballoon, resource, rng, seclabel, sound, video/address."],
            line.Warnings);
        Assert.Equal("/run/m/1.qmp.agent", line.AgentPath);
    }

    private static void AssertRefused(Func<DomainDocument> domain, string name, string line)
    {
        var error = Assert.Throws<MomentException>(() => QemuCommandLine.Build(domain(), LaunchSamples.Runtime(("sda", [LaunchSamples.Top("sda", "/i")]), ("vda", [LaunchSamples.Top("vda", "/i")]))));
        Assert.Equal(LaunchErrors.DomainElementUnsupported, error.ErrorId);
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains(line, error.Message, StringComparison.Ordinal);
    }

    private static string Flat(DomainDocument domain) => Text(QemuCommandLine.Build(domain, LaunchSamples.Runtime())).Replace('\n', ' ');

    // One option a line.
    private static string Text(QemuCommandLine line)
    {
        var text = new StringBuilder();
        foreach (string argument in line.Arguments)
            text.Append(text.Length == 0 ? "" : argument.StartsWith('-') ? "\n" : " ").Append(argument);
        return text.ToString();
    }
}
