using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

/// <summary>What a list reads of a file: the same as the whole, without the domain.</summary>
public sealed class HeadReadingTests
{
    private static readonly XName[] Domains = ["domain", "inactiveDomain", "cookie"];
    private static readonly XName Ours = XmlNames.Moments + "moment";

    [Fact]
    public void WhatIsSkippedIsLeftOutAndTheRestIsTheSame()
    {
        using var scratch = new ScratchDirectory();
        string path = Write(scratch, "<a>\n <domain type='kvm'><domain/><cookie/></domain>\n <b x='1'>t<!-- c --><![CDATA[d]]><domain/></b>\n <cookie/><c/>\n</a>");
        XElement head = XmlSource.ReadHead(path, Domains, null).Root!;
        XElement whole = XmlSource.ReadFile(path).Root!;
        whole.Elements().Where(child => Domains.Contains(child.Name)).Remove();
        Assert.True(XNode.DeepEquals(whole, head), head.ToString());
        Assert.Equal(3, ((System.Xml.IXmlLineInfo)head.Element("b")!).LineNumber);
    }

    [Theory]
    [InlineData("<mt:moment xmlns:mt='https://momenttools.dev/xml/1'/>")]
    [InlineData("<moment xmlns='https://momenttools.dev/xml/1' id='1'><moment/>t</moment>")]
    public void NothingBehindTheStopIsLookedAt(string ours)
    {
        using var scratch = new ScratchDirectory();
        string path = Write(scratch, $"<a><b/><moment/>{ours}<broken x='1' x='2'></a>");
        XElement head = XmlSource.ReadHead(path, Domains, Ours).Root!;
        Assert.Equal(["b", "moment", Ours], head.Elements().Select(child => child.Name));
        Assert.True(XNode.DeepEquals(XElement.Parse(ours), head.Element(Ours)), head.ToString());
        Assert.Throws<MomentException>(() => XmlSource.ReadHead(path, Domains, null));
        Assert.Throws<MomentException>(() => XmlSource.ReadFile(path));
    }

    [Theory]
    [InlineData("<a/>")]
    [InlineData("<?xml version='1.0'?><!-- c --><a><b/></a><!-- d -->")]
    [InlineData("<a><c><mt:moment xmlns:mt='https://momenttools.dev/xml/1'/></c><b/></a>")]
    public void WithoutTheElementToStopAfterItIsTheWhole(string text)
    {
        using var scratch = new ScratchDirectory();
        string path = Write(scratch, text);
        Assert.True(XNode.DeepEquals(XmlSource.ReadFile(path).Root, XmlSource.ReadHead(path, Domains, Ours).Root));
    }

    [Theory]
    [InlineData("<a><b></a>")]
    [InlineData("<a><domain><b></domain></a>")]
    [InlineData("<a>&unknown;</a>")]
    [InlineData("<a><domain>&unknown;</domain></a>")]
    [InlineData("<a><domain>")]
    [InlineData("<a><b/>")]
    [InlineData("<!DOCTYPE a><a/>")]
    [InlineData("\n\n<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>")]
    [InlineData("")]
    [InlineData("no xml")]
    [InlineData("<a/><b/>")]
    [InlineData("<?xml version='1.0' encoding='none-such'?><a/>")]
    public void TheRefusalsAreThoseOfTheWhole(string text)
    {
        using var scratch = new ScratchDirectory();
        string path = Write(scratch, text);
        var whole = Assert.Throws<MomentException>(() => XmlSource.ReadFile(path));
        var head = Assert.Throws<MomentException>(() => XmlSource.ReadHead(path, Domains, Ours));
        Assert.Equal((whole.ErrorId, whole.Message, whole.Target), (head.ErrorId, head.Message, head.Target));
    }

    [Fact]
    public void TheLimitsHoldInWhatIsSkippedToo()
    {
        using var scratch = new ScratchDirectory();
        foreach (string inner in (string[])[Nested(XmlSource.MaxDepth + 1), Nested(500_000), $"<b {string.Join(' ', Enumerable.Range(0, 300).Select(i => $"a{i}=''"))}/>"])
        {
            string path = Write(scratch, $"<a><domain>{inner}</domain></a>");
            Assert.Equal(XmlErrors.XmlTooLarge, Assert.Throws<MomentException>(() => XmlSource.ReadHead(path, Domains, Ours)).ErrorId);
        }
    }

    [Fact]
    public void AFileOfTwoGibibytesIsRefusedByItsLength()
    {
        using var scratch = new ScratchDirectory();
        using (FileStream sparse = File.Create(scratch["big.xml"]))
            sparse.SetLength(2L << 30);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(XmlErrors.XmlTooLarge, Assert.Throws<MomentException>(() => XmlSource.ReadHead(scratch["big.xml"], Domains, Ours)).ErrorId);
        Assert.Equal(XmlErrors.XmlTooLarge, Assert.Throws<MomentException>(() => XmlSource.ReadHead("/dev/zero", Domains, Ours)).ErrorId);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 64 << 20, "the file was read before it was refused");
        Assert.Equal("FileMissing", Assert.Throws<MomentException>(() => XmlSource.ReadHead(scratch["none.xml"], Domains, Ours)).ErrorId.Name);
    }

    [Theory]
    [InlineData("checkpoint", "vda", "disks")]
    [InlineData("snapshot", "vda", "disks")]
    public void TheHeadOfAStoredMomentLacksOnlyTheDomain(string kind, string disk, string last)
    {
        using var scratch = new ScratchDirectory();
        var extension = new XElement(Ours, new XAttribute(XNamespace.Xmlns + "mt", XmlNames.Moments), new XAttribute("id", "7"));
        string text = $"<domain{kind}>{SampleXml.Domain}<name>c</name><creationTime>1</creationTime><disks><disk name='{disk}'/></disks>{extension}</domain{kind}>";
        MomentDocument whole = MomentDocuments.Parse(text, "it", XmlOrigin.Store);
        // Other bytes behind our element are not even looked at.
        string stored = whole.ToXml(includeExtension: true);
        Assert.True(stored.IndexOf($"</{last}>", StringComparison.Ordinal) < stored.IndexOf("<mt:moment", StringComparison.Ordinal));
        string path = Write(scratch, stored[..(stored.IndexOf("<domain type", StringComparison.Ordinal) + 200)]);
        MomentDocument head = MomentDocuments.FromElement(XmlSource.ReadHead(path, Domains, Ours).Root!, path, XmlOrigin.Store);
        Assert.Null(head.Domain);
        Assert.Equal(whole.ToXml(includeDomain: false, includeExtension: true), head.ToXml(includeExtension: true));
    }

    private static string Write(ScratchDirectory scratch, string text)
    {
        File.WriteAllText(scratch["a.xml"], text);
        return scratch["a.xml"];
    }

    private static string Nested(int depth) => string.Concat(Enumerable.Repeat("<a>", depth)) + string.Concat(Enumerable.Repeat("</a>", depth));
}
