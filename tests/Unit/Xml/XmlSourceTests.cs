using System.Text;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

public sealed class XmlSourceTests
{
    [Theory]
    [InlineData("<a>\n  <b>\n</a>", "line 3, column 3")]
    [InlineData("<a x='1' x='2'/>", "line 1, column 10")]
    [InlineData("<a>&unknown;</a>", "line 1, column")]
    [InlineData("<a/><b/>", "line 1, column 6")]
    [InlineData("<a xmlns:p='u'><q:b/></a>", "line 1, column")]
    [InlineData("<a>\u0001</a>", "line 1, column 4")]
    [InlineData("", "line 0, column 0")]
    [InlineData("no xml", "line 1, column 1")]
    public void MalformedTextIsToldWithItsPlaceAndSource(string text, string place)
    {
        var error = Assert.Throws<MomentException>(() => XmlSource.Parse(text, "the gift"));
        Assert.Equal(XmlErrors.XmlMalformed, error.ErrorId);
        Assert.Contains("the gift", error.Message, StringComparison.Ordinal);
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("the XML given as -Xml", "the XML given as -Xml")]
    [InlineData("the XML given", "the XML given")]
    [InlineData("document 2 of the XML given", "document 2 of the XML given")]
    [InlineData("/a/web1.xml", "the XML of /a/web1.xml")]
    public void WhatWasGivenAsXmlIsNotCalledTheXmlOfIt(string source, string called)
    {
        Assert.StartsWith($"Cannot read {called}: line 1, ", Assert.Throws<MomentException>(() => XmlSource.Parse("<a", source)).Message, StringComparison.Ordinal);
        Assert.StartsWith($"Cannot use {called}: line 1, <a>: ", Assert.Throws<MomentException>(() => DomainDocument.Parse("<a/>", source)).Message, StringComparison.Ordinal);
        Assert.StartsWith($"Cannot read {called}: it has more than ", XmlSource.TooLarge(source, "it has more than 1 byte").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>")]
    [InlineData("<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/a.dtd'><a/>")]
    [InlineData("<!DOCTYPE l [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]><l>&c;</l>")]
    public void ADocumentTypeIsRefused(string text)
    {
        var error = Assert.Throws<MomentException>(() => XmlSource.Parse(text, "it"));
        Assert.Equal(XmlErrors.XmlDtdRefused, error.ErrorId);
        Assert.Contains("line 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALargeTextIsRefused()
    {
        AssertTooLarge(() => XmlSource.Parse($"<a>{new string('x', 5 << 20)}</a>", "it"));
        AssertTooLarge(() => XmlSource.Parse($"<a>{new string('ü', 3 << 20)}</a>", "it"));
        XmlSource.Parse($"<a>{new string('x', XmlSource.MaxBytes - 7)}</a>", "it");
    }

    [Fact]
    public void ALargeFileIsRefusedHoweverLongItIs()
    {
        using var scratch = new ScratchDirectory();
        File.WriteAllText(scratch["big.xml"], $"<a>{new string('x', 5 << 20)}</a>");
        AssertTooLarge(() => XmlSource.ReadFile(scratch["big.xml"]));
        AssertTooLarge(() => XmlSource.ReadFile("/dev/zero"));
    }

    [Fact]
    public void NestingIsBounded()
    {
        XmlSource.Parse(Nested(XmlSource.MaxDepth), "it");
        AssertTooLarge(() => XmlSource.Parse(Nested(XmlSource.MaxDepth + 2), "it"));
        AssertTooLarge(() => XmlSource.Parse(Nested(500_000), "it"));
    }

    [Fact]
    public void ManyAttributesAreRefusedQuickly()
    {
        Quick.Within(TimeSpan.FromSeconds(3), () => AssertTooLarge(() => XmlSource.Parse($"<a {string.Join(' ', Enumerable.Range(0, 100_000).Select(i => $"xmlns:n{i}='{i}'"))}/>", "it")));
    }

    [Fact]
    public void ManyElementsAreReadAndWrittenQuickly()
    {
        string text = $"<domain type='kvm'><name>a</name><devices>{string.Concat(Enumerable.Repeat("\n<hostdev/>", 150_000))}</devices></domain>";
        Quick.Within(TimeSpan.FromSeconds(10), () => Assert.Equal(150_000, DomainDocument.Parse(DomainDocument.Parse(text, "it").ToXml(), "it").Root.Element("devices")!.Elements().Count()));
    }

    [Fact]
    public void FilesAreReadInTheEncodingTheyDeclare()
    {
        using var scratch = new ScratchDirectory();
        File.WriteAllBytes(scratch["latin.xml"], Encoding.Latin1.GetBytes("<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>"));
        File.WriteAllText(scratch["utf16.xml"], "<a>é</a>", Encoding.Unicode);
        Assert.Equal("é", XmlSource.ReadFile(scratch["latin.xml"]).Root!.Value);
        Assert.Equal("é", XmlSource.ReadFile(scratch["utf16.xml"]).Root!.Value);
        Assert.Equal("é", XmlSource.Parse("\uFEFF<?xml version='1.0' encoding='utf-16'?><a>é</a>", "it").Root!.Value);
    }

    [Theory]
    [InlineData("<?xml version='1.0' encoding='none-such'?><a/>")]
    [InlineData("<a>\u00ff</a>")]
    public void AnEncodingThatCannotBeReadIsMalformed(string text)
    {
        using var scratch = new ScratchDirectory();
        File.WriteAllBytes(scratch["a.xml"], Encoding.Latin1.GetBytes(text));
        Assert.Equal(XmlErrors.XmlMalformed, Assert.Throws<MomentException>(() => XmlSource.ReadFile(scratch["a.xml"])).ErrorId);
    }

    [Fact]
    public void AMissingFileIsSaidToBeMissing() =>
        Assert.Equal("FileMissing", Assert.Throws<MomentException>(() => XmlSource.ReadFile("/none/such.xml")).ErrorId.Name);

    [Fact]
    public void LayoutIsDroppedButBlankValuesStay()
    {
        XElement root = XmlSource.Parse("<a>\n  <b>  </b>\n  <c>x <d/> y</c>\n  <e><![CDATA[ ]]><f/></e>\n</a>", "it").Root!;
        Assert.Equal("<a><b>  </b><c>x <d /> y</c><e><![CDATA[ ]]><f /></e></a>", root.ToString(SaveOptions.DisableFormatting));
    }

    private static string Nested(int depth) => string.Concat(Enumerable.Repeat("<a>", depth)) + string.Concat(Enumerable.Repeat("</a>", depth));

    private static void AssertTooLarge(Action action) =>
        Assert.Equal(XmlErrors.XmlTooLarge, Assert.Throws<MomentException>(action).ErrorId);
}
