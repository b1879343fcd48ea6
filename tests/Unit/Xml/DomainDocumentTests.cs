using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

public sealed class DomainDocumentTests
{
    private static readonly DomainDocument Sample = DomainDocument.Parse(SampleXml.Domain, "sample");

    [Fact]
    public void WhatLibvirtPrintsIsRead()
    {
        Assert.Equal("web1", Sample.Name);
        Assert.Equal("kvm", Sample.Type);
        Assert.Equal(Guid.Parse("93a5c045-6457-2c09-e56c-927cdf34e178"), Sample.Uuid);
        Assert.Equal(512L << 20, Sample.MemoryBytes);
        Assert.Equal(256L << 20, Sample.CurrentMemoryBytes);
        Assert.Equal(2, Sample.VirtualCpus);
        Assert.Equal("/usr/bin/qemu-system-x86_64", Sample.Emulator);
        Assert.Equal(["-S"], Sample.QemuArguments);
        Assert.Equal("b", Sample.QemuEnvironment["A"]);
        Assert.Null(Sample.Monitor);
        Assert.Equal(["vda", "sda", "hdc", "vdb"], Sample.Disks.Select(disk => disk.Target));
    }

    [Fact]
    public void ADiskIsReadWithItsDriverAndLayers()
    {
        DomainDisk disk = Sample.FindDisk("vda")!;
        Assert.Equal(
            new DomainDisk
            {
                Target = "vda", Bus = "virtio", SourcePath = "/images/web1.overlay.qcow2", Format = "qcow2", Serial = "D-1", Alias = "virtio-disk0",
                Cache = "none", Io = "native", Discard = "unmap", DetectZeroes = "unmap", ErrorPolicy = "stop", BackingStore = disk.BackingStore,
            },
            disk);
        Assert.Equal([new DomainBackingStore("/images/web1.qcow2", "qcow2"), new DomainBackingStore("/dev/vg/base", "raw")], disk.BackingStore);
        Assert.Equal(new DomainDisk { Target = "sda", Bus = "scsi", SourceType = "block", SourcePath = "/dev/vg/data", Format = "raw", BackingStore = Sample.Disks[1].BackingStore }, Sample.Disks[1]);
        Assert.True(Sample.Disks[2].ReadOnly);
        Assert.Null(Sample.Disks[2].SourcePath);
        Assert.Null(Sample.Disks[3].SourcePath);
    }

    [Fact]
    public void NothingOfTheDocumentIsLost() =>
        Assert.True(XNode.DeepEquals(XmlSource.Parse(SampleXml.Domain, "a").Root, XmlSource.Parse(Sample.ToXml(secure: true), "b").Root));

    [Fact]
    public void SecretsAreLeftOutUnlessAskedFor()
    {
        Assert.DoesNotContain("hidden", Sample.ToXml(), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", Sample.ToXml(), StringComparison.Ordinal);
        Assert.Contains("hidden", Sample.ToXml(secure: true), StringComparison.Ordinal);
        Assert.Contains("secret", Sample.ToXml(secure: true), StringComparison.Ordinal);
    }

    [Fact]
    public void TheMonitorIsKeptInAnElementOfOurs()
    {
        DomainDocument attached = Sample.WithMonitor("/run/a.qmp").WithMonitor("/run/b.qmp");
        Assert.Equal("/run/b.qmp", DomainDocument.Parse(attached.ToXml(), "it").Monitor);
        Assert.Single(attached.Root.Element("metadata")!.Elements());
        Assert.Null(Sample.Monitor);
        Assert.Equal(Sample.ToXml(), attached.ToXml(ours: false));
    }

    [Fact]
    public void OtherMetadataStays()
    {
        DomainDocument other = DomainDocument.Parse("<domain type='kvm'><name>a</name><metadata><x:y xmlns:x='u'>1</x:y></metadata></domain>", "it");
        Assert.Equal(other.ToXml(), other.WithMonitor("m").ToXml(ours: false));
    }

    [Fact]
    public void ChangesGiveCopies()
    {
        var uuid = Guid.NewGuid();
        DomainDocument changed = Sample.WithName("web2").WithUuid(uuid).WithDiskSource("sda", "/images/new.qcow2", "qcow2").WithDiskSource("vda", "/dev/x", "raw", "block").WithDiskSource("hdc", "/iso", "raw").WithDiskSource("vdb", "/n", "raw");
        Assert.Equal("web2", changed.Name);
        Assert.Equal(uuid, changed.Uuid);
        Assert.Equal(("file", "/images/new.qcow2", "qcow2"), (changed.Disks[1].SourceType, changed.Disks[1].SourcePath, changed.Disks[1].Format));
        Assert.Equal(("block", "/dev/x", "raw"), (changed.Disks[0].SourceType, changed.Disks[0].SourcePath, changed.Disks[0].Format));
        Assert.Equal("/iso", changed.Disks[2].SourcePath);
        Assert.Equal("/n", changed.Disks[3].SourcePath);
        Assert.DoesNotContain("secret", changed.ToXml(secure: true), StringComparison.Ordinal);
        Assert.Empty(changed.Disks[0].BackingStore);
        Assert.Equal("web1", Sample.Name);
        Assert.Equal("/dev/vg/data", Sample.Disks[1].SourcePath);
        Assert.Equal(XmlErrors.DiskNotInDomain, Assert.Throws<MomentException>(() => Sample.WithDiskSource("vdz", "/x", "raw")).ErrorId);
        Assert.Equal(XmlErrors.DomainNameInvalid, Assert.Throws<MomentException>(() => Sample.WithName("a/b")).ErrorId);
    }

    [Fact]
    public void AUuidIsAddedWhereThereIsNone() =>
        Assert.Equal(Guid.Empty, DomainDocument.Parse("<domain type='kvm'><name>a</name></domain>", "it").WithUuid(Guid.Empty).Uuid);

    [Fact]
    public void AMinimalDocumentReadsBackAsItWasMade()
    {
        var disk = new DomainDisk { Target = "vda", Bus = "virtio", SourcePath = "/i/a b&c.qcow2", Format = "qcow2", ReadOnly = true, Serial = "<1>" };
        var unsaid = new DomainDisk { Target = "sda", SourceType = "block", SourcePath = "/dev/x" };
        var uuid = Guid.NewGuid();
        DomainDocument made = DomainDocument.Minimal("qemu", "web 1", uuid, 2048, "q35", [disk, unsaid]);
        DomainDocument read = DomainDocument.Parse(made.ToXml(), "it");
        Assert.Equal(("qemu", "web 1", uuid, 2L << 20), (read.Type, read.Name, read.Uuid!.Value, read.MemoryBytes));
        Assert.Equal(disk, read.Disks[0] with { BackingStore = disk.BackingStore });
        Assert.Equal(unsaid, read.Disks[1] with { BackingStore = unsaid.BackingStore });
    }

    [Theory]
    [InlineData("unit='b'", 3000)]
    [InlineData("unit='bytes'", 3000)]
    [InlineData("unit='KB'", 3000_000)]
    [InlineData("unit='k'", 3000 * 1024)]
    [InlineData("", 3000 * 1024)]
    [InlineData("unit='KiB'", 3000 * 1024)]
    [InlineData("unit='MB'", 3000_000_000)]
    [InlineData("unit='M'", 3000L << 20)]
    [InlineData("unit='GiB'", 3000L << 30)]
    [InlineData("unit='TB'", 3000_000_000_000_000)]
    public void MemoryIsReadInEachUnit(string unit, long bytes) =>
        Assert.Equal(bytes, DomainDocument.Parse($"<domain type='kvm'><name>a</name><memory {unit}> 3000\n</memory></domain>", "it").MemoryBytes);

    [Theory]
    [InlineData("<domainsnapshot/>", "root element must be <domain>")]
    [InlineData("<domain xmlns='urn:x' type='kvm'><name>a</name></domain>", "root element must be <domain>")]
    [InlineData("<domain><name>a</name></domain>", "'type'")]
    [InlineData("<domain type='kvm'/>", "<name> is missing")]
    [InlineData("<domain type='kvm'><name>a</name>\n<name>b</name></domain>", "line 2, <name>")]
    [InlineData("<domain type='kvm'><name><b/></name></domain>", "text only")]
    [InlineData("<domain type='kvm'><name>a</name><uuid>x</uuid></domain>", "UUID")]
    [InlineData("<domain type='kvm'><name>a</name><memory unit='EiB'>9</memory></domain>", "whole number")]
    [InlineData("<domain type='kvm'><name>a</name><memory unit='ells'>9</memory></domain>", "unit 'ells'")]
    [InlineData("<domain type='kvm'><name>a</name><memory>-1</memory></domain>", "whole number")]
    [InlineData("<domain type='kvm'><name>a</name><vcpu>0</vcpu></domain>", "whole number")]
    [InlineData("<domain type='kvm'><name>a</name><devices><disk/></devices></domain>", "<target> is missing")]
    [InlineData("<domain type='kvm'><name>a</name><devices><disk><target dev='../x'/></disk></devices></domain>", "'../x'")]
    [InlineData("<domain type='kvm'><name>a</name><devices><disk device='tape'><target dev='vda'/></disk></devices></domain>", "'device'")]
    [InlineData("<domain type='kvm'><name>a</name><devices><disk><target dev='vda'/></disk>\n\n<disk><target dev='vda'/></disk></devices></domain>", "line 3, <disk>")]
    public void ABrokenRuleIsToldWithItsPlace(string text, string rule)
    {
        var error = Assert.Throws<MomentException>(() => DomainDocument.Parse(text, "the gift"));
        Assert.Equal(XmlErrors.XmlRuleBroken, error.ErrorId);
        Assert.Contains("the gift: line ", error.Message, StringComparison.Ordinal);
        Assert.Contains(rule, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("")]
    public void ANameThatIsNoFileNameIsRefused(string name) =>
        Assert.Equal(XmlErrors.DomainNameInvalid, Assert.Throws<MomentException>(() => DomainDocument.Parse($"<domain type='kvm'><name>{name}</name></domain>", "it")).ErrorId);

    [Fact]
    public void AChainOfTwoHundredLayersIsRead()
    {
        string chain = Enumerable.Range(0, 200).Aggregate("<backingStore/>", (inner, i) => $"<backingStore type='file'><format type='qcow2'/><source file='/l/{i}'/>{inner}</backingStore>");
        DomainDocument read = DomainDocument.Parse(SampleXml.DomainWith(SampleXml.Disk("vda", rest: chain)), "it");
        Assert.Equal(200, read.Disks[0].BackingStore.Count);
        Assert.Equal(new DomainBackingStore("/l/0", "qcow2"), read.Disks[0].BackingStore[^1]);
    }
}
