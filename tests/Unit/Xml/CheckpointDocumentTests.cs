using System.Text.RegularExpressions;
using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

public sealed class CheckpointDocumentTests
{
    private const string Full = """
        <domaincheckpoint>
          <name>c2</name>
          <description>second one</description>
          <parent>
            <name>c1</name>
          </parent>
          <creationTime>1795205604</creationTime>
          <disks>
            <disk name="vda" checkpoint="bitmap" bitmap="c2" />
            <disk name="vdb" checkpoint="no" />
          </disks>
        </domaincheckpoint>

        """;

    private const string Stored = """
        <domaincheckpoint>
          <name>c2</name>
          <mt:moment xmlns:mt="https://momenttools.dev/xml/1" id="7">
            <mt:segment disk="vda">x</mt:segment>
          </mt:moment>
          <future since="2">
            <a />
          </future>
        </domaincheckpoint>

        """;

    [Fact]
    public void WhatLibvirtPrintsIsReadAndWrittenAlike()
    {
        CheckpointDocument read = User(Full);
        Assert.Equal(("c2", "second one", "c1", 1795205604L), (read.Name, read.Description, read.ParentName, read.CreationTime!.Value));
        Assert.Equal([new CheckpointDisk("vda", CheckpointMode.Bitmap, "c2"), new CheckpointDisk("vdb", CheckpointMode.No, null)], read.Disks);
        Assert.True(read.DisksGiven);
        Assert.Equal(Full, read.ToXml());
    }

    [Theory]
    [InlineData("<domaincheckpoint/>")]
    [InlineData("<domaincheckpoint><name>c2</name><description>something fun</description></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><description>d</description><disks><!-- the default is bitmap --><disk name='vda'/></disks></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><description>d</description><disks><disk name='vda' checkpoint='bitmap'/><disk name='/path/b.qcow2' checkpoint='no'/></disks></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><creationTime> 1525889631\n</creationTime><parent><name>1525111885</name></parent><name>1525889631</name></domaincheckpoint>")]
    [InlineData("<domaincheckpoint><name>c</name><disks><disk name='vda' checkpoint='bitmap' bitmap='c' size='65536'/><disk name='vdb' size='0'/></disks></domaincheckpoint>")]
    public void EachVariantOfFormatcheckpointIsRead(string text)
    {
        CheckpointDocument read = User(text);
        Assert.Equal(read.ToXml(), User(read.ToXml()).ToXml());
        Assert.Equal(text.Contains("<disks>", StringComparison.Ordinal), read.DisksGiven);
    }

    [Fact]
    public void SizesAreWrittenOnRequestAndNeverReadBack()
    {
        string text = User(Full).ToXml(sizes: new Dictionary<string, long?>(StringComparer.Ordinal) { ["vda"] = 131072, ["vdb"] = 5 });
        Assert.Contains("""<disk name="vda" checkpoint="bitmap" bitmap="c2" size="131072" />""", text, StringComparison.Ordinal);
        Assert.Single(Regex.Matches(text, "size=", RegexOptions.None, TimeSpan.FromMinutes(1)));
        Assert.Equal(Full, User(text).ToXml());
        Assert.Equal(Full, User(Full).ToXml(sizes: new Dictionary<string, long?>(StringComparer.Ordinal) { ["vda"] = null }));
    }

    [Fact]
    public void TheDomainIsKeptWithOrWithoutItsSecrets()
    {
        CheckpointDocument read = User($"<domaincheckpoint><name>c</name>{SampleXml.Domain}</domaincheckpoint>");
        Assert.Equal("web1", read.Domain!.Name);
        Assert.Equal(4, read.Domain.Disks.Count);
        Assert.DoesNotContain("<domain ", read.ToXml(includeDomain: false), StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", read.ToXml(), StringComparison.Ordinal);
        Assert.Contains("hidden", read.ToXml(secure: true), StringComparison.Ordinal);
        Assert.Equal(read.ToXml(secure: true), User(read.ToXml(secure: true)).ToXml(secure: true));
    }

    [Fact]
    public void OurElementsSurviveInTheStoreOnly()
    {
        CheckpointDocument read = CheckpointDocument.Parse(Stored, "it", XmlOrigin.Store);
        Assert.Equal("7", read.Extension!.Attribute("id")!.Value);
        Assert.Equal("future", Assert.Single(read.Unknown).Name.LocalName);
        Assert.Equal(Stored, read.ToXml(includeExtension: true));
        Assert.Equal("<domaincheckpoint>\n  <name>c2</name>\n</domaincheckpoint>\n", read.ToXml());
        Assert.Equal(XmlErrors.XmlRuleBroken, Assert.Throws<MomentException>(() => User(Stored)).ErrorId);
    }

    [Fact]
    public void OnlyTheStoreKnowsTheMonitorOfTheDomain()
    {
        CheckpointDocument read = User(Full) with { Domain = DomainDocument.Parse(SampleXml.Domain, "it").WithMonitor("/run/m") };
        Assert.DoesNotContain("/run/m", read.ToXml(), StringComparison.Ordinal);
        Assert.Contains("/run/m", read.ToXml(includeExtension: true), StringComparison.Ordinal);
    }

    [Fact]
    public void InTheStoreTheParentMayBeASnapshot()
    {
        const string text = "<domaincheckpoint><name>c</name><parent><name>before it</name></parent></domaincheckpoint>";
        Assert.Equal("before it", CheckpointDocument.Parse(text, "it", XmlOrigin.Store).ParentName);
        Assert.Equal(XmlErrors.MomentNameInvalid, Assert.Throws<MomentException>(() => User(text)).ErrorId);
    }

    [Theory]
    [InlineData("<domainsnapshot/>", "root element must be <domaincheckpoint>")]
    [InlineData("<domaincheckpoint x='1'/>", "'x' is unknown")]
    [InlineData("<domaincheckpoint>text</domaincheckpoint>", "text may not stand")]
    [InlineData("<domaincheckpoint>\n<names/></domaincheckpoint>", "line 2, <names>")]
    [InlineData("<domaincheckpoint><name>a</name><name>a</name></domaincheckpoint>", "only once")]
    [InlineData("<domaincheckpoint><domain type='a'><name>a</name></domain><domain type='a'><name>a</name></domain></domaincheckpoint>", "only once")]
    [InlineData("<domaincheckpoint><name b='c'>a</name></domaincheckpoint>", "'b' is unknown")]
    [InlineData("<domaincheckpoint><description><b/></description></domaincheckpoint>", "text only")]
    [InlineData("<domaincheckpoint><parent/></domaincheckpoint>", "<name> is missing")]
    [InlineData("<domaincheckpoint><creationTime>now</creationTime></domaincheckpoint>", "whole number")]
    [InlineData("<domaincheckpoint><creationTime>-1</creationTime></domaincheckpoint>", "whole number")]
    [InlineData("<domaincheckpoint><creationTime>99999999999999999999</creationTime></domaincheckpoint>", "whole number")]
    [InlineData("<domaincheckpoint><disks/></domaincheckpoint>", "at least one disk")]
    [InlineData("<domaincheckpoint><disks><disk/></disks></domaincheckpoint>", "'name' is missing")]
    [InlineData("<domaincheckpoint><disks><disk name=''/></disks></domaincheckpoint>", "'name' is missing")]
    [InlineData("<domaincheckpoint><disks><disk name='vda'><a/></disk></disks></domaincheckpoint>", "<a>")]
    [InlineData("<domaincheckpoint><disks><disk name='vda' snapshot='no'/></disks></domaincheckpoint>", "'snapshot' is unknown")]
    [InlineData("<domaincheckpoint><disks><disk name='vda' checkpoint='internal'/></disks></domaincheckpoint>", "'no' or 'bitmap', not 'internal'")]
    [InlineData("<domaincheckpoint><name>a</name><disks><disk name='vda' checkpoint='no' bitmap='a'/></disks></domaincheckpoint>", "needs checkpoint='bitmap'")]
    [InlineData("<domaincheckpoint><name>a</name><disks><disk name='vda' bitmap='a'/></disks></domaincheckpoint>", "needs checkpoint='bitmap'")]
    [InlineData("<domaincheckpoint><name>a</name><disks><disk name='vda' checkpoint='bitmap' bitmap='b'/></disks></domaincheckpoint>", "must have the checkpoint's name")]
    [InlineData("<domaincheckpoint><disks><disk name='vda' checkpoint='bitmap' bitmap='b'/></disks></domaincheckpoint>", "must have the checkpoint's name")]
    [InlineData("<domaincheckpoint><disks><disk name='vda' size='big'/></disks></domaincheckpoint>", "'size'")]
    [InlineData("<domaincheckpoint><disks><disk name='vda' checkpoint='no' size='1'/></disks></domaincheckpoint>", "'size'")]
    [InlineData("<domaincheckpoint><mt:moment xmlns:mt='https://momenttools.dev/xml/1'/></domaincheckpoint>", "may have only")]
    public void ABrokenRuleIsToldWithItsPlace(string text, string rule)
    {
        var error = Assert.Throws<MomentException>(() => CheckpointDocument.Parse(text, "the gift", XmlOrigin.User));
        Assert.Equal(XmlErrors.XmlRuleBroken, error.ErrorId);
        Assert.Contains("the gift: line ", error.Message, StringComparison.Ordinal);
        Assert.Contains(rule, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADiskIsNamedOnce() =>
        Assert.Equal(XmlErrors.DiskNamedTwice, Assert.Throws<MomentException>(() => User("<domaincheckpoint><disks><disk name='vda'/><disk name='vda'/></disks></domaincheckpoint>")).ErrorId);

    [Fact]
    public void TwoElementsOfOursAreOneTooMany() =>
        Assert.Throws<MomentException>(() => CheckpointDocument.Parse("<domaincheckpoint><m:moment xmlns:m='https://momenttools.dev/xml/1'/><m:moment xmlns:m='https://momenttools.dev/xml/1'/></domaincheckpoint>", "it", XmlOrigin.Store));

    [Theory]
    [InlineData("a/b")]
    [InlineData(".x")]
    [InlineData("")]
    [InlineData("sp ace")]
    [InlineData("a\n")]
    public void ANameThatLibvirtRefusesIsRefused(string name)
    {
        var error = Assert.Throws<MomentException>(() => User($"<domaincheckpoint><name>{name}</name></domaincheckpoint>"));
        Assert.Equal(XmlErrors.MomentNameInvalid, error.ErrorId);
        Assert.Contains("line 1, <name>", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TextThatXmlCannotHoldIsRefusedWhenWritten() =>
        Assert.Equal(XmlErrors.XmlTextInvalid, Assert.Throws<MomentException>(() => (User(Full) with { Description = "a\u0001" }).ToXml()).ErrorId);

    private static CheckpointDocument User(string text) => CheckpointDocument.Parse(text, "it", XmlOrigin.User);
}
