using System.Text;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Fuzz.Targets;

/// <summary>The quick reader of our own files: what it reads, the framework's reader reads as the same tree.</summary>
internal sealed class HeadTarget : IFuzzTarget
{
    private const string Sound =
        "<domainsnapshot><name>before it</name><description>é</description><parent><name>a</name></parent><creationTime>1</creationTime><mt:moment xmlns:mt='https://momenttools.dev/xml/1' id='x'><mt:disk name='vda'>"
        + "<mt:point id='p' size='1' floor='0' layer='l' flushed='yes'><mt:bitmap layer='l' name='b'/><mt:sidecar id='s'/></mt:point></mt:disk></mt:moment><domain type='kvm'><name>d</name></domain></domainsnapshot>";

    private static readonly XName[] Domains = ["domain", "inactiveDomain"];

    private readonly ScratchDirectory _scratch = new();

    public string Name => "heads";

    public int Inputs => 5000;

    public long MostBytes => 1 << 20;

    public FuzzInput Make(Random random)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(XmlDamage.Of(Sound, random));
        if (random.Next(3) == 0 && bytes.Length > 0)
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        return new FuzzInput(bytes);
    }

    public Task<bool> ReadAsync(FuzzInput input)
    {
        if (PlainXml.ReadHead(input.Whole, whole: true, new PlainNames(), Domains, XmlNames.Moment) is not { } quick)
            return Task.FromResult(false);
        File.WriteAllBytes(_scratch["a.xml"], input.Whole);
        try
        {
            XElement? head = XmlSource.ReadHead(_scratch["a.xml"], Domains, XmlNames.Moment).Root;
            FuzzFailure.When(!XNode.DeepEquals(head, quick), $"read as\n{quick}\nand by the framework as\n{head}");
        }
        catch (MomentException refusal)
        {
            throw new FuzzFailure($"read as\n{quick}\nand refused by the framework: {refusal.Message}");
        }

        return Task.FromResult(true);
    }

    public void Dispose() => _scratch.Dispose();
}
