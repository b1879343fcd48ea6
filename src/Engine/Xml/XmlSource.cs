using System.Text;
using System.Xml;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Xml;

/// <summary>
/// Loads XML from a text or a file, with line numbers, and refuses what could hurt: document type declarations
/// (and with them every entity), documents above 4 MiB, and nesting deeper than any real document has.
/// </summary>
internal static class XmlSource
{
    /// <summary>The largest document in bytes of UTF-8.</summary>
    public const int MaxBytes = 4 << 20;

    /// <summary>The deepest nesting: libvirt nests one element for each of up to 200 backing layers of a disk.</summary>
    public const int MaxDepth = 256;

    /// <summary>More attributes on one element than this are nonsense, and make namespace look-ups slow.</summary>
    public const int MaxAttributes = 256;

    /// <summary>Loads a text.</summary>
    /// <param name="source">What the messages call it: a path, or "the XML given as -Xml".</param>
    public static XDocument Parse(string text, string source)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxBytes || Encoding.UTF8.GetByteCount(text) > MaxBytes)
            throw TooLarge(source, $"it has more than {MaxBytes} bytes");
        // A byte order mark that came along with the text is no content.
        string content = text.StartsWith('\uFEFF') ? text[1..] : text;
        return Load(settings => XmlReader.Create(new StringReader(content), settings), source);
    }

    /// <summary>Loads a file in the encoding it declares; the messages call it by its path.</summary>
    public static XDocument ReadFile(string path)
    {
        using var content = new MemoryStream();
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
            byte[] buffer = new byte[64 << 10];
            for (int got; (got = file.Read(buffer)) > 0;)
            {
                content.Write(buffer, 0, got);
                if (content.Length > MaxBytes)
                    throw TooLarge(path, $"it has more than {MaxBytes} bytes");
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read", path);
        }

        byte[] bytes = content.ToArray();
        return Load(settings => XmlReader.Create(new MemoryStream(bytes), settings), path);
    }

    private static XDocument Load(Func<XmlReaderSettings, XmlReader> open, string source)
    {
        var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, MaxCharactersFromEntities = 1 };
        XDocument document;
        try
        {
            Bound(open, settings, source);
            using XmlReader reader = open(settings);
            document = XDocument.Load(reader, LoadOptions.PreserveWhitespace | LoadOptions.SetLineInfo);
        }
        catch (XmlException failure)
        {
            throw new MomentException(XmlErrors.XmlMalformed, $"Cannot read the XML of {source}: line {failure.LineNumber}, column {failure.LinePosition}: {Reason(failure)}", source, "Correct the document, or write it anew from its source.", failure);
        }
        catch (Exception failure) when (failure is DecoderFallbackException or ArgumentException or NotSupportedException)
        {
            throw new MomentException(XmlErrors.XmlMalformed, $"Cannot read the XML of {source}: line 1, column 1: its encoding cannot be read: {failure.Message}", source, "Save the document as UTF-8.", failure);
        }

        DropLayout(document.Root!);
        return document;
    }

    // The framework puts the position at the end of its sentence; ours has it at the front, and messages stay short.
    private static string Reason(XmlException failure)
    {
        string message = failure.Message;
        int position = message.LastIndexOf(" Line ", StringComparison.Ordinal);
        return XmlErrors.Quote(position > 0 ? message[..position] : message)[1..^1];
    }

    // Looks before the tree is built: each node that is added to one walks up to its root, so depth costs its square.
    private static void Bound(Func<XmlReaderSettings, XmlReader> open, XmlReaderSettings settings, string source)
    {
        using XmlReader reader = open(settings);
        var place = (IXmlLineInfo)reader;
        int line = 1;
        try
        {
            while (reader.Read())
            {
                line = place.LineNumber;
                if (reader.Depth > MaxDepth)
                    throw TooLarge(source, $"line {line}: its elements are nested more than {MaxDepth} deep");
                if (reader.AttributeCount > MaxAttributes)
                    throw TooLarge(source, $"line {line}: an element has more than {MaxAttributes} attributes");
            }
        }
        catch (XmlException failure) when (failure.Message.StartsWith("For security reasons DTD", StringComparison.Ordinal))
        {
            // The reader does not say where it stopped; what it read before is the nearest there is.
            throw new MomentException(XmlErrors.XmlDtdRefused, $"Cannot read the XML of {source}: at or after line {line}: a document type declaration is not allowed, since it can name other files and make a small document huge.", source, "Remove the <!DOCTYPE …> declaration: libvirt's documents have none.", failure);
        }
    }

    // Blank text between elements is layout, which writing makes anew; blank text alone in an element is its value.
    private static void DropLayout(XElement root)
    {
        foreach (XElement element in root.DescendantsAndSelf().Where(element => element.HasElements).ToList())
        {
            if (!element.Nodes().OfType<XText>().All(text => text is not XCData && XmlCheck.IsBlank(text.Value)))
                continue;
            // Built anew: removing the texts one by one would search each from the first node on.
            List<XNode> kept = [.. element.Nodes().Where(node => node is not XText)];
            element.RemoveNodes();
            element.Add(kept);
        }
    }

    private static MomentException TooLarge(string source, string why) =>
        new(XmlErrors.XmlTooLarge, $"Cannot read the XML of {source}: {why}.", source, "Check that this is the document you meant: libvirt's have a few thousand bytes.");
}
