using System.Text;
using System.Xml;
using System.Xml.Linq;
using MomentTools.Errors;

namespace MomentTools.Xml;

/// <summary>Writes elements as libvirt lays them out (two blanks for each level), so that reading gives the same again.</summary>
internal static class XmlOutput
{
    // Entitize: a carriage return or a line feed in a value must come back as what it was.
    private static readonly XmlWriterSettings Layout = new()
    {
        OmitXmlDeclaration = true,
        NewLineHandling = NewLineHandling.Entitize,
        NamespaceHandling = NamespaceHandling.OmitDuplicates,
    };

    /// <summary>The text of a document, ending in a line feed. The element is the writer's to lay out.</summary>
    /// <param name="what">What the message calls it should a value not be writable.</param>
    public static string Write(XElement root, string what)
    {
        LayOut(root, "\n");
        var text = new StringBuilder();
        try
        {
            using XmlWriter writer = XmlWriter.Create(text, Layout);
            root.WriteTo(writer);
        }
        catch (Exception failure) when (failure is ArgumentException or XmlException or InvalidOperationException)
        {
            throw new MomentException(XmlErrors.XmlTextInvalid, $"Cannot write the XML of {what}: a text in it has a character that XML cannot hold: {failure.Message}", what, "Remove control characters from the name or the description.", failure);
        }

        return text.Append('\n').ToString();
    }

    /// <summary>An attribute, or none where there is no value.</summary>
    public static XAttribute? Attribute(string name, object? value) => value is null ? null : new XAttribute(name, value);

    // Only where there are elements and no text at all: XmlWriter's own layout puts blanks in front of text that comes later.
    private static void LayOut(XElement element, string lineFeed)
    {
        if (!element.HasElements || element.Nodes().Any(node => node is XText))
            return;
        List<XNode> nodes = [.. element.Nodes()];
        // Built anew: putting a text in front of each node would search that node from the first one on.
        element.RemoveNodes();
        foreach (XNode node in nodes)
        {
            element.Add(new XText(lineFeed + "  "), node);
            if (node is XElement child)
                LayOut(child, lineFeed + "  ");
        }

        element.Add(new XText(lineFeed));
    }
}
