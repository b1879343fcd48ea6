using MomentTools.Machines;
using MomentTools.Xml;

namespace MomentTools.Tests.Machines;

/// <summary>Documents as <c>virsh dumpxml</c> prints them for machines made with virt-install.</summary>
internal static class LaunchSamples
{
    /// <summary>A Linux machine on q35, shut off: what virt-install of 2022 makes.</summary>
    public const string Modern = """
        <domain type='kvm'>
          <name>web, 1</name>
          <uuid>93a5c045-6457-2c09-e56c-927cdf34e178</uuid>
          <metadata><libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0"><libosinfo:os id="http://debian.org/debian/11"/></libosinfo:libosinfo></metadata>
          <memory unit='KiB'>2097152</memory>
          <currentMemory unit='KiB'>2097152</currentMemory>
          <vcpu placement='static'>2</vcpu>
          <os>
            <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
            <boot dev='hd'/>
          </os>
          <features><acpi/><apic/></features>
          <cpu mode='host-passthrough' check='none' migratable='on'/>
          <clock offset='utc'>
            <timer name='rtc' tickpolicy='catchup'/>
            <timer name='pit' tickpolicy='delay'/>
            <timer name='hpet' present='no'/>
          </clock>
          <on_poweroff>destroy</on_poweroff>
          <on_reboot>restart</on_reboot>
          <on_crash>destroy</on_crash>
          <pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>
          <devices>
            <emulator>/usr/bin/qemu-system-x86_64</emulator>
            <disk type='file' device='disk'>
              <driver name='qemu' type='qcow2' cache='none' io='native' discard='unmap'/>
              <source file='/images/web1.qcow2'/>
              <target dev='vda' bus='virtio'/>
              <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
            </disk>
            <disk type='file' device='cdrom'>
              <driver name='qemu' type='raw'/>
              <target dev='sda' bus='sata'/>
              <readonly/>
              <address type='drive' controller='0' bus='0' target='0' unit='0'/>
            </disk>
            <controller type='usb' index='0' model='qemu-xhci' ports='15'/>
            <controller type='pci' index='0' model='pcie-root'/>
            <controller type='virtio-serial' index='0'/>
            <interface type='network'>
              <mac address='52:54:00:6b:3c:58'/>
              <source network='default'/>
              <model type='virtio'/>
              <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
            </interface>
            <serial type='pty'><target type='isa-serial' port='0'><model name='isa-serial'/></target></serial>
            <console type='pty'><target type='serial' port='0'/></console>
            <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/><address type='virtio-serial' controller='0' bus='0' port='1'/></channel>
            <input type='tablet' bus='usb'/>
            <graphics type='vnc' port='-1' autoport='yes'><listen type='address'/></graphics>
            <audio id='1' type='none'/>
            <video><model type='virtio' heads='1' primary='yes'/></video>
            <memballoon model='virtio'/>
            <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
          </devices>
        </domain>
        """;

    /// <summary>A Windows machine on i440fx, running: addresses, aliases, labels and the backing chain are there.</summary>
    public const string Classic = """
        <domain type='qemu' id='3'>
          <name>win</name>
          <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
          <genid>4e1c2f1c-6d2d-4f7c-9b8a-1d2f3a4b5c6d</genid>
          <memory unit='GiB'>1</memory>
          <vcpu placement='static' current='2'>4</vcpu>
          <resource><partition>/machine</partition></resource>
          <os>
            <type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type>
            <bootmenu enable='yes' timeout='3000'/>
          </os>
          <features>
            <acpi/><apic/>
            <hyperv mode='custom'><relaxed state='on'/><vapic state='on'/><spinlocks state='on' retries='8191'/><vendor_id state='off'/></hyperv>
            <vmport state='off'/>
          </features>
          <cpu mode='custom' match='exact' check='full'>
            <model fallback='forbid'>Nehalem</model>
            <topology sockets='1' dies='1' cores='2' threads='2'/>
            <feature policy='require' name='aes'/>
            <feature policy='disable' name='x2apic'/>
          </cpu>
          <clock offset='localtime'><timer name='hypervclock' present='yes'/></clock>
          <on_poweroff>destroy</on_poweroff>
          <on_reboot>destroy</on_reboot>
          <on_crash>preserve</on_crash>
          <devices>
            <disk type='file' device='disk'>
              <driver name='qemu' type='qcow2' cache='writethrough' error_policy='enospace'/>
              <source file='/images/win.ov1.qcow2' index='2'/>
              <backingStore type='file' index='3'><format type='qcow2'/><source file='/images/win.qcow2'/><backingStore/></backingStore>
              <target dev='hda' bus='ide'/>
              <serial>WD-1</serial>
              <boot order='2'/>
              <alias name='ide0-0-0'/>
              <address type='drive' controller='0' bus='0' target='0' unit='0'/>
            </disk>
            <disk type='block' device='disk'>
              <driver name='qemu' type='raw' discard='unmap' detect_zeroes='unmap'/>
              <source dev='/dev/vg/data'/>
              <target dev='sdb' bus='scsi'/>
              <wwn>5000c50015ea71aa</wwn>
            </disk>
            <disk type='file' device='cdrom'>
              <driver name='qemu' type='raw'/>
              <source file='/iso/a,b.iso'/>
              <target dev='hdc' bus='ide'/>
              <readonly/>
              <boot order='1'/>
            </disk>
            <disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>
            <controller type='scsi' index='0' model='virtio-scsi'/>
            <interface type='bridge'>
              <mac address='52:54:00:00:00:01'/><source bridge='br0'/><target dev='vnet0'/><model type='e1000'/><boot order='3'/><alias name='net0'/>
            </interface>
            <interface type='user'><mac address='52:54:00:00:00:02'/><model type='rtl8139'/></interface>
            <interface type='ethernet'><target dev='tap0' managed='no'/><model type='virtio'/><mtu size='9000'/></interface>
            <serial type='file'><source path='/log/win,com.txt' append='on'/><target port='0'/></serial>
            <serial type='unix'><source mode='bind' path='/run/com2'/><target port='1'/></serial>
            <channel type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/channel/target/domain-3-win/org.qemu.guest_agent.0'/><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
            <channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>
            <graphics type='spice' port='5901' autoport='no' listen='127.0.0.1' passwd='secret'><image compression='off'/></graphics>
            <video><model type='qxl' ram='65536' vram='65536' vgamem='16384' heads='1' primary='yes'/></video>
            <sound model='ich6'/>
            <redirdev bus='usb' type='spicevmc'/>
          </devices>
          <seclabel type='dynamic' model='dac' relabel='yes'/>
        </domain>
        """;

    public static QemuRuntime Runtime(params (string Target, ImageLayer[] Chain)[] disks) => new(
        "/run/m/1.qmp", "/run/m/1b.qmp", "/run/m/1.pid", "/state/web/qemu.log",
        disks.ToDictionary(disk => disk.Target, disk => (IReadOnlyList<ImageLayer>)disk.Chain, StringComparer.Ordinal));

    public static ImageLayer Top(string target, string path, string format = "qcow2", bool readOnly = false, bool block = false) =>
        new("mt-" + target, path, format, readOnly, block);

    /// <summary>A small machine with these elements in its <c>&lt;domain&gt;</c> and its devices.</summary>
    public static DomainDocument Small(string devices = "", string rest = "<os><type machine='pc'>hvm</type></os>", string type = "qemu") =>
        DomainDocument.Parse($"<domain type='{type}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>d</name><memory unit='MiB'>64</memory>{rest}<devices>{devices}</devices></domain>", "it");
}
