using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

public sealed class CheckpointAlignmentTests
{
    [Fact]
    public void WithoutDisksEveryDiskIsTracked() =>
        Assert.Equal("vda=c vdb=c", Align("", [SampleXml.Disk("vda"), SampleXml.Disk("vdb")]));

    [Fact]
    public void WithDisksOnlyTheNamedAreTracked() =>
        Assert.Equal("vda=no vdb=c vdc=no", Align("<disk name='vdb'/><disk name='vdc' checkpoint='no'/>", [SampleXml.Disk("vda"), SampleXml.Disk("vdb"), SampleXml.Disk("vdc", "raw")]));

    [Fact]
    public void ADiskMayBeNamedByItsPath() =>
        Assert.Equal("vda=c vdb=no", Align("<disk name='/i/vda' checkpoint='bitmap' bitmap='c'/>", [SampleXml.Disk("vda"), SampleXml.Disk("vdb")]));

    [Fact]
    public void ReadOnlyAndEmptyDrivesArePassedOver() =>
        Assert.Equal("vda=c sda=no sdb=no vdc=no", Align("", [SampleXml.Disk("vda"), SampleXml.Disk("sda", "raw", device: "cdrom"), "<disk device='floppy'><target dev='sdb'/></disk>", SampleXml.Disk("vdc", rest: "<readonly/>")]));

    [Fact]
    public void WhatCannotBeTrackedIsLeftOutOnRequest() =>
        Assert.Equal("vda=c vdb=no vdc=no vdd=no", Align("", [SampleXml.Disk("vda"), SampleXml.Disk("vdb", "raw"), SampleXml.Disk("vdc", null), SampleXml.Disk("vdd", rest: "<encryption format='luks'/>")], whatCanBe: true));

    [Theory]
    [InlineData("raw", "'raw'")]
    [InlineData(null, "never guessed")]
    public void ADiskThatCannotBeTrackedIsRefused(string? format, string reason)
    {
        var error = Assert.Throws<MomentException>(() => Align("", [SampleXml.Disk("vda"), SampleXml.Disk("vdb", format)]));
        Assert.Equal((XmlErrors.CheckpointDiskUnsupported, "vdb"), (error.ErrorId, error.Target));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<readonly/>", "disk", "read-only")]
    [InlineData("", "cdrom", "cdrom")]
    [InlineData("<encryption format='luks'/>", "disk", "encrypted")]
    public void ADiskNamedExplicitlyIsNeverLeftOut(string rest, string device, string reason)
    {
        var error = Assert.Throws<MomentException>(() => Align("<disk name='vda'/><disk name='vdb'/>", [SampleXml.Disk("vda"), SampleXml.Disk("vdb", rest: rest, device: device)], whatCanBe: true));
        Assert.Equal(XmlErrors.CheckpointDiskUnsupported, error.ErrorId);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnknownDiskIsAnsweredWithThoseThereAre()
    {
        var error = Assert.Throws<MomentException>(() => Align("<disk name='vdz'/>", [SampleXml.Disk("vda"), SampleXml.Disk("vdb")]));
        Assert.Equal(XmlErrors.DiskNotInDomain, error.ErrorId);
        Assert.Contains("vda, vdb", error.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public void APathOfTwoDisksIsAmbiguous()
    {
        string twin = SampleXml.Disk("vdb").Replace("/i/vdb", "/i/vda", StringComparison.Ordinal);
        Assert.Equal(XmlErrors.DiskNotInDomain, Assert.Throws<MomentException>(() => Align("<disk name='/i/vda'/>", [SampleXml.Disk("vda"), twin])).ErrorId);
    }

    [Fact]
    public void ADiskNamedByTargetAndByPathIsNamedTwice() =>
        Assert.Equal(XmlErrors.DiskNamedTwice, Assert.Throws<MomentException>(() => Align("<disk name='vda'/><disk name='/i/vda'/>", [SampleXml.Disk("vda")])).ErrorId);

    [Theory]
    [InlineData("<disk name='vda' checkpoint='no'/>", false)]
    [InlineData("", true)]
    public void ACheckpointWithoutAnyTrackedDiskIsRefused(string disks, bool whatCanBe) =>
        Assert.Equal(XmlErrors.CheckpointWithoutDisk, Assert.Throws<MomentException>(() => Align(disks, [SampleXml.Disk("vda", "raw")], whatCanBe)).ErrorId);

    [Fact]
    public void AlignmentIsAFixedPoint()
    {
        DomainDocument domain = DomainDocument.Parse(SampleXml.DomainWith(SampleXml.Disk("vda"), SampleXml.Disk("vdb", "raw")), "it");
        CheckpointDocument once = CheckpointAlignment.Align(new CheckpointDocument { Name = "c" }, domain, whatCanBe: true);
        Assert.Equal(once.ToXml(), CheckpointAlignment.Align(once, domain).ToXml());
    }

    private static string Align(string disks, string[] domainDisks, bool whatCanBe = false)
    {
        string text = $"<domaincheckpoint><name>c</name>{(disks.Length == 0 ? "" : $"<disks>{disks}</disks>")}</domaincheckpoint>";
        CheckpointDocument aligned = CheckpointAlignment.Align(CheckpointDocument.Parse(text, "it", XmlOrigin.User), DomainDocument.Parse(SampleXml.DomainWith(domainDisks), "it"), whatCanBe);
        return string.Join(' ', aligned.Disks.Select(disk => $"{disk.Name}={(disk.Mode == CheckpointMode.Bitmap ? disk.Bitmap : "no")}"));
    }
}
