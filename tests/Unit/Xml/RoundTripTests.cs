using System.Text;
using System.Xml.Linq;
using FsCheck;
using FsCheck.Fluent;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

/// <summary>What was written and read again is equal, whatever texts it holds.</summary>
public sealed class RoundTripTests
{
    private static readonly Gen<string> Awkward = Gen.Elements("a", " ", "\n", "\r", "\t", "<", ">", "&", "'", "\"", "]]>", "<![CDATA[", "&amp;", "&#10;", "é", "\u2028", "😀", "--", "<!--", "\u00a0", "%s", "🇩🇪")
        .ListOf().Select(parts => string.Concat(parts));

    private static readonly Gen<string> Names = Gen.Elements("monday", "1525889631", "a.b-c_d", "-", "_", "C");

    private static readonly Gen<CheckpointDisk[]> Disks =
        from flags in Gen.Choose(0, 3).ArrayOf(5)
        select flags.Select((flag, i) => flag switch
        {
            0 => null,
            1 => new CheckpointDisk($"vd{(char)('a' + i)}", null, null),
            2 => new CheckpointDisk($"/i/é {i}&<>\"'.qcow2", CheckpointMode.No, null),
            _ => new CheckpointDisk($"sd{(char)('a' + i)}", CheckpointMode.Bitmap, ""),
        }).OfType<CheckpointDisk>().ToArray();

    private static readonly Gen<CheckpointDocument> Checkpoints =
        from name in Names
        from description in Awkward.OrNull()
        from parent in Names.OrNull()
        from time in Gen.Choose(0, int.MaxValue)
        from disks in Disks
        from path in Awkward
        from withDomain in Gen.Elements(true, false)
        select new CheckpointDocument
        {
            Name = name,
            Description = description,
            ParentName = parent,
            CreationTime = time % 3 == 0 ? null : time,
            Disks = [.. disks.Select(disk => disk.Mode == CheckpointMode.Bitmap ? disk with { Bitmap = name } : disk)],
            DisksGiven = disks.Length > 0,
            Domain = withDomain ? Domain("d " + name, "/" + path) : null,
        };

    [Fact]
    public void ACheckpointReadsBackEqual() => Prop.ForAll(Checkpoints.ToArbitrary(), written =>
    {
        CheckpointDocument read = CheckpointDocument.Parse(written.ToXml(), "it", XmlOrigin.User);
        Assert.Equal(written with { Disks = [], Domain = null, Unknown = [] }, read with { Disks = [], Domain = null, Unknown = [] });
        Assert.Equal(written.Disks, read.Disks);
        Assert.Equal(written.Domain?.Disks[0].SourcePath, read.Domain?.Disks[0].SourcePath);
        Assert.Equal(written.ToXml(), read.ToXml());
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void ADomainKeepsEveryNode() => Prop.ForAll(Trees().ToArbitrary(), extras =>
    {
        XElement root = XElement.Parse(SampleXml.Domain);
        root.Add(extras);
        DomainDocument first = DomainDocument.Parse(root.ToString(SaveOptions.DisableFormatting), "it");
        DomainDocument second = DomainDocument.Parse(first.ToXml(secure: true), "it");
        Assert.True(XNode.DeepEquals(first.Root, second.Root), first.ToXml(secure: true));
        Assert.Equal(first.ToXml(secure: true), second.ToXml(secure: true));
        foreach ((XElement before, XElement after) in root.Descendants().Zip(first.Root.Descendants()))
            Assert.Equal(before.HasElements ? "" : before.Value.ReplaceLineEndings("\n"), after.HasElements ? "" : after.Value.ReplaceLineEndings("\n"));
    }).QuickCheckThrowOnFailure();

    // Elements that libvirt may know and we do not, with text, comments, CDATA and other namespaces.
    private static Gen<XElement> Trees() => Gen.Sized(size => Tree(Math.Min(size, 4)));

    private static Gen<XElement> Tree(int depth) =>
        from name in Gen.Elements<XName>("x", "y", XName.Get("z", "urn:other"))
        from value in Awkward
        from kind in Gen.Choose(0, 4)
        from children in depth == 0 ? Gen.Constant<IList<XElement>>([]) : Tree(depth - 1).ListOf(2).Select(list => (IList<XElement>)[.. list])
        select new XElement(name, new XAttribute("v", value), kind switch
        {
            0 => new XText(value),
            1 => new XCData(value.Replace("]]>", "", StringComparison.Ordinal)),
            2 => new XComment(new StringBuilder(value).Replace("-", "").ToString()),
            _ => null,
        }, children);

    private static DomainDocument Domain(string name, string path) =>
        DomainDocument.Minimal("qemu", name, Guid.Empty, 1024, "pc", [new DomainDisk { Target = "vda", SourcePath = path, Format = "qcow2" }]);
}
