using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

/// <summary>libvirt's own schema, reached through its test driver, takes what we write and refuses what we refuse.</summary>
public sealed class LibvirtOracleTests
{
    private const string TestUuid = "6695eb01-f6a4-8304-79aa-97f2502e193f";

    [SkippableTheory]
    [InlineData("<domaincheckpoint><name>c</name><creationTime>1</creationTime><disks><disk name='vda' checkpoint='bitmap' bitmap='c'/></disks></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><description>a &lt; b\n</description><name>-x.y_z</name><creationTime> 7 </creationTime></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><name>c</name><creationTime>1</creationTime><disks><disk name='/i/x' checkpoint='no'/></disks></domaincheckpoint>")]
    public void WhatWeWriteIsValid(string text)
    {
        Tool.Require("virsh");
        CheckpointDocument document = CheckpointDocument.Parse(text, "it", XmlOrigin.User) with
        {
            Domain = DomainDocument.Minimal("test", "test", Guid.Parse(TestUuid), 65536, "pc", [new DomainDisk { Target = "vda", Bus = "virtio", SourcePath = "/i/x", Format = "qcow2", Serial = "s" }]).WithMonitor("/run/x"),
        };
        // The test driver's machine has no such disk; everything but that it accepts.
        string answer = Redefine(document.ToXml(sizes: new Dictionary<string, long?>(StringComparer.Ordinal) { ["vda"] = 512 }));
        Assert.DoesNotContain("validate", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("XML", answer, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("<domaincheckpoint><name>a/b</name></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><name>.x</name></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><name>sp ace</name></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><disks/></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><disks><disk/></disks></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><disks><disk name='vda' checkpoint='internal'/></disks></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><name>c</name><disks><disk name='vda' checkpoint='no' bitmap='c'/></disks></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><unknown/></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><creationTime>-1</creationTime></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><parent/></domaincheckpoint>")]
    [InlineData("<domaincheckpoint x='y'/>")]
    public void WhatLibvirtRefusesWeRefuse(string text)
    {
        Tool.Require("virsh");
        Assert.Contains("validate", Redefine(text), StringComparison.Ordinal);
        Assert.Throws<Errors.MomentException>(() => CheckpointDocument.Parse(text, "it", XmlOrigin.User));
    }

    private static string Redefine(string text)
    {
        using var scratch = new ScratchDirectory();
        File.WriteAllText(scratch["c.xml"], text);
        (_, string output, string error) = Tool.TryRun("virsh", "-q", "-c", "test:///default", "checkpoint-create", "test", scratch["c.xml"], "--redefine");
        return output + error;
    }
}
