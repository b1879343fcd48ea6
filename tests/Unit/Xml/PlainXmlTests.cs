using System.Text;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

/// <summary>The quick reader gives the tree that the other one gives, or none.</summary>
public sealed class PlainXmlTests
{
    private static readonly XName[] Domains = ["domain", "inactiveDomain", "cookie"];

    public static TheoryData<string> PlainTexts =>
    [
        "<a/>",
        "<a />\n",
        "<a\n  b='1'\n  c=\"'2'\" >\n  <d>x</d>\n  <e.f-g_1/>\n</a>\n\n",
        "<a><b> </b><c>é ü 漢 𝄞</c><d x='é'/></a>",
        "<a><moment xmlns='https://momenttools.dev/xml/1' id='1'><disk><moment/></disk></moment><broken x='1' x='2'></a>",
        "<a><mt:moment xmlns:mt='https://momenttools.dev/xml/1' id='1'>\n<mt:disk name='vda'/>\n</mt:moment>",
        "<a xmlns:mt='urn:other'><mt:moment xmlns:mt='https://momenttools.dev/xml/1'/><domain>",
        "<a xmlns='urn:x' xmlns:p='urn:y'><b c='1'/><p:b/><b xmlns='urn:z'><c/></b></a>",
    ];

    public static TheoryData<string> OtherTexts =>
    [
        "",
        " <a/>",
        "\uFEFF<a/>",
        "<?xml version='1.0'?><a/>",
        "<!-- c --><a/>",
        "<a/><!-- c -->",
        "<a/><b/>",
        "<a/>t",
        "<a>",
        "<a",
        "<a></b>",
        "<a></a>",
        "<a>&amp;</a>",
        "<a b='&amp;'/>",
        "<a b='<'/>",
        "<a b='\t'/>",
        "<a b='1' b='2'/>",
        "<a b='1'c='2'/>",
        "<a b=1/>",
        "<a b/>",
        "<a b='1/>",
        "<a / >",
        "< a/>",
        "<a>]]></a>",
        "<a>\r\n<b/></a>",
        "<a>\u0001</a>",
        "<a>\uFFFE</a>",
        "<a>t<b/></a>",
        "<a><b/>t</a>",
        "<a><b/><![CDATA[t]]></a>",
        "<p:a/>",
        "<a p:b='1' xmlns:p='urn:x'/>",
        "<a xml:space='preserve'/>",
        "<a xmlns:p=''/>",
        "<a xmlns:xmlns='urn:x'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a:b:c xmlns:a='urn:x'/>",
        "<é/>",
        "<a><domain/></a>",
        "<a><domain/><mt:moment xmlns:mt='https://momenttools.dev/xml/1'/></a>",
        "<!DOCTYPE a><a/>",
    ];

    [Theory]
    [MemberData(nameof(PlainTexts))]
    public void WhatIsPlainIsReadAsItIs(string text)
    {
        using var scratch = new ScratchDirectory();
        XElement plain = Assert.IsType<XElement>(Plain(Encoding.UTF8.GetBytes(text)));
        XElement head = Assert.IsType<XElement>(Head(scratch, Encoding.UTF8.GetBytes(text)));
        Assert.True(XNode.DeepEquals(head, plain), plain.ToString());
        Assert.Equal(head.ToString(), plain.ToString());
    }

    [Theory]
    [MemberData(nameof(OtherTexts))]
    public void WhatIsOutOfTheOrdinaryIsLeftToTheOther(string text) => Assert.Null(Plain(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void BytesThatAreNoTextAreLeftToTheOther()
    {
        foreach (string text in (string[])["<a>\u00ff</a>", "<a b='\u00ff'/>", "<a>\u00ed\u00a0\u0080</a>", "<a>\u00c0\u00af</a>"])
            Assert.Null(Plain(Encoding.Latin1.GetBytes(text)));
    }

    [Fact]
    public void PartOfADocumentIsEnoughOnlyWhereTheStopIsInIt()
    {
        byte[] bytes = Encoding.UTF8.GetBytes("<a><b/><mt:moment xmlns:mt='https://momenttools.dev/xml/1'/><domain>");
        for (int length = 0; length <= bytes.Length; length++)
            Assert.Equal(length >= bytes.Length - "<domain>".Length, PlainXml.ReadHead(bytes.AsSpan(0, length), whole: false, new PlainNames(), Domains, XmlNames.Moment) is not null);
        Assert.Null(PlainXml.ReadHead("<a/>"u8, whole: false, new PlainNames(), Domains, XmlNames.Moment));
    }

    [Fact]
    public void DeepOrBroadDocumentsAreLeftToTheOther()
    {
        Assert.Null(Plain(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("<a>", 1_000_000)))));
        Assert.Null(Plain(Encoding.UTF8.GetBytes($"<a {string.Join(' ', Enumerable.Range(0, 300).Select(number => $"a{number}='1'"))}/>")));
    }

    private static XElement? Plain(ReadOnlySpan<byte> bytes) => PlainXml.ReadHead(bytes, whole: true, new PlainNames(), Domains, XmlNames.Moment);

    private static XElement? Head(ScratchDirectory scratch, byte[] bytes)
    {
        File.WriteAllBytes(scratch["a.xml"], bytes);
        try
        {
            return XmlSource.ReadHead(scratch["a.xml"], Domains, XmlNames.Moment).Root;
        }
        catch (MomentException)
        {
            return null;
        }
    }
}
