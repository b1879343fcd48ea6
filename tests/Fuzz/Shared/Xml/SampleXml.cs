namespace MomentTools.Tests.Xml;

/// <summary>Documents in the shapes that libvirt prints.</summary>
internal static class SampleXml
{
    public const string Domain = """
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <name>web1</name>
          <uuid>93a5c045-6457-2c09-e56c-927cdf34e178</uuid>
          <memory unit='MiB'>512</memory>
          <currentMemory unit='KiB'>262144</currentMemory>
          <vcpu placement='static' current='1'>2</vcpu>
          <os>
            <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
            <boot dev='hd'/>
          </os>
          <devices>
            <emulator>/usr/bin/qemu-system-x86_64</emulator>
            <disk type='file' device='disk'>
              <driver name='qemu' type='qcow2' cache='none' io='native' discard='unmap' detect_zeroes='unmap' error_policy='stop'/>
              <source file='/images/web1.overlay.qcow2' index='2'/>
              <backingStore type='file' index='3'>
                <format type='qcow2'/>
                <source file='/images/web1.qcow2'/>
                <backingStore type='block'>
                  <format type='raw'/>
                  <source dev='/dev/vg/base'/>
                  <backingStore/>
                </backingStore>
              </backingStore>
              <target dev='vda' bus='virtio'/>
              <serial>D-1</serial>
              <alias name='virtio-disk0'/>
            </disk>
            <disk type='block' device='disk'>
              <driver name='qemu' type='raw'/>
              <source dev='/dev/vg/data'/>
              <target dev='sda' bus='scsi'/>
            </disk>
            <disk type='file' device='cdrom'>
              <driver name='qemu' type='raw'/>
              <target dev='hdc' bus='ide'/>
              <readonly/>
            </disk>
            <disk type='network' device='disk'>
              <driver name='qemu' type='qcow2'/>
              <source protocol='https' name='x'><host name='example.org'/><cookies><cookie name='c'>secret</cookie></cookies></source>
              <target dev='vdb' bus='virtio'/>
            </disk>
            <graphics type='vnc' port='5900' passwd='hidden'/>
          </devices>
          <qemu:commandline>
            <qemu:arg value='-S'/>
            <qemu:env name='A' value='b'/>
          </qemu:commandline>
        </domain>
        """;

    /// <summary>A domain with these disks, each a <c>&lt;disk&gt;</c> element.</summary>
    public static string DomainWith(params string[] disks) =>
        $"<domain type='qemu'><name>d</name><memory>65536</memory><devices>{string.Concat(disks)}</devices></domain>";

    public static string Disk(string target, string? format = "qcow2", string rest = "", string device = "disk") =>
        $"<disk type='file' device='{device}'><driver name='qemu'{(format is null ? "" : $" type='{format}'")}/><source file='/i/{target}'/><target dev='{target}' bus='virtio'/>{rest}</disk>";
}
