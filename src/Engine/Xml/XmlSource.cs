using System.Text;
using System.Xml;
using System.Xml.Linq;
using Microsoft.Win32.SafeHandles;
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

    private const int SmallestRead = 4 << 10;

    /// <summary>Loads a text.</summary>
    /// <param name="source">What the messages call it: a path, or "the XML given as -Xml".</param>
    /// <param name="maxBytes">The largest size in bytes of UTF-8.</param>
    public static XDocument Parse(string text, string source, int maxBytes = MaxBytes)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > maxBytes || Encoding.UTF8.GetByteCount(text) > maxBytes)
            throw TooLarge(source, $"it has more than {maxBytes} bytes");
        // A byte order mark that came along with the text is no content.
        string content = text.StartsWith('\uFEFF') ? text[1..] : text;
        return Load(settings => XmlReader.Create(new StringReader(content), settings), source, [], null);
    }

    /// <summary>Loads a file in the encoding it declares; the messages call it by its path.</summary>
    public static XDocument ReadFile(string path, int maxBytes = MaxBytes) => ReadHead(path, [], null, maxBytes);

    /// <summary>
    /// Loads what a list of thousands of files needs. The limits and errors are those of <see cref="ReadFile"/>, but
    /// what comes behind the stop is not looked at, so that damage there is not noticed.
    /// </summary>
    /// <param name="skip">Children of the root that are left out.</param>
    /// <param name="stopAfter">The child of the root to stop after; null to go on to the end.</param>
    public static XDocument ReadHead(string path, IReadOnlyCollection<XName> skip, XName? stopAfter, int maxBytes = MaxBytes)
    {
        ArraySegment<byte> bytes = ReadBytes(path, maxBytes);
        return Load(settings => XmlReader.Create(new MemoryStream(bytes.Array!, 0, bytes.Count), settings), path, skip, stopAfter);
    }

    /// <summary>The error for a document that is larger than any real one.</summary>
    public static MomentException TooLarge(string source, string why) =>
        new(XmlErrors.XmlTooLarge, $"Cannot read {XmlErrors.XmlOf(source)}: {why}.", source, "Check that this is the document you meant: libvirt's have a few thousand bytes.");

    private static ArraySegment<byte> ReadBytes(string path, int maxBytes)
    {
        try
        {
            using SafeFileHandle file = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete);
            using var content = new FileStream(file, FileAccess.Read, 1);
            // A pipe or a device has no length, and a file may grow: so this only saves reading what is too large anyway.
            long length = content.CanSeek ? content.Length : 0;
            if (length > maxBytes)
                throw TooLarge(path, $"it has more than {maxBytes} bytes");
            byte[] bytes = new byte[Math.Max(length + 1, SmallestRead)];
            int count = 0;
            for (int got; (got = content.Read(bytes, count, bytes.Length - count)) > 0;)
            {
                count += got;
                if (count > maxBytes)
                    throw TooLarge(path, $"it has more than {maxBytes} bytes");
                if (count == bytes.Length)
                    Array.Resize(ref bytes, count * 2);
            }

            return new ArraySegment<byte>(bytes, 0, count);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read", path);
        }
    }

    private static XDocument Load(Func<XmlReaderSettings, XmlReader> open, string source, IReadOnlyCollection<XName> skip, XName? stopAfter)
    {
        var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, MaxCharactersFromEntities = 1 };
        XDocument document;
        int line = 1;
        try
        {
            using var reader = new BoundedXmlReader(open(settings), source, skip, stopAfter);
            try
            {
                document = XDocument.Load(reader, LoadOptions.PreserveWhitespace | LoadOptions.SetLineInfo);
            }
            finally
            {
                line = reader.LastLine;
            }
        }
        catch (XmlException failure) when (failure.Message.StartsWith("For security reasons DTD", StringComparison.Ordinal))
        {
            // The reader does not say where it stopped; what it read before is the nearest there is.
            throw new MomentException(XmlErrors.XmlDtdRefused, $"Cannot read {XmlErrors.XmlOf(source)}: at or after line {line}: a document type declaration is not allowed, since it can name other files and make a small document huge.", source, "Remove the <!DOCTYPE …> declaration: libvirt's documents have none.", failure);
        }
        catch (XmlException failure)
        {
            throw new MomentException(XmlErrors.XmlMalformed, $"Cannot read {XmlErrors.XmlOf(source)}: line {failure.LineNumber}, column {failure.LinePosition}: {Reason(failure)}", source, "Correct the document, or write it anew from its source.", failure);
        }
        catch (Exception failure) when (failure is DecoderFallbackException or ArgumentException or NotSupportedException)
        {
            throw new MomentException(XmlErrors.XmlMalformed, $"Cannot read {XmlErrors.XmlOf(source)}: line 1, column 1: its encoding cannot be read: {failure.Message}", source, "Save the document as UTF-8.", failure);
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
}
