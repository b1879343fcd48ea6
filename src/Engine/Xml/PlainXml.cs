using System.Text;
using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>
/// Reads what this module writes itself, many times as fast as the framework's reader: elements, attributes, text and namespaces. Whatever
/// is out of that ordinary (entities, comments, declarations, text beside elements) or broken it leaves to <see cref="XmlSource"/>: it gives
/// the tree that <see cref="XmlSource.ReadHead"/> gives, but for lines, or none.
/// </summary>
internal ref struct PlainXml
{
    private const int MaxDepth = 16;
    private const int MaxAttributes = 32;

    private static readonly XName Xmlns = "xmlns";
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly PlainNames _names;
    private readonly IReadOnlyCollection<XName> _skip;
    private readonly XName _stopAfter;
    private int _at;
    private bool _stopped;

    private PlainXml(ReadOnlySpan<byte> bytes, PlainNames names, IReadOnlyCollection<XName> skip, XName stopAfter)
    {
        _bytes = bytes;
        _names = names;
        _skip = skip;
        _stopAfter = stopAfter;
    }

    /// <summary>The head of a document, or null for one that is not plain, or not all there.</summary>
    /// <param name="bytes">The document from its first byte on.</param>
    /// <param name="whole">Whether these are all bytes; else the stop must be among them.</param>
    /// <param name="names">What this thread keeps from one document to the next.</param>
    /// <param name="skip">Children of the root that are never plain.</param>
    /// <param name="stopAfter">The child of the root after which nothing is looked at.</param>
    public static XElement? ReadHead(ReadOnlySpan<byte> bytes, bool whole, PlainNames names, IReadOnlyCollection<XName> skip, XName stopAfter)
    {
        var reader = new PlainXml(bytes, names, skip, stopAfter);
        if (reader.Element(new Scope("", XNamespace.None, null), 0) is not { } root)
            return null;
        reader.PassBlanks();
        return reader._stopped || (whole && reader._at == bytes.Length) ? root : null;
    }

    private XElement? Element(Scope scope, int depth)
    {
        int open = _at + 1;
        if (depth > MaxDepth || !Take('<') || !Name(out ReadOnlySpan<byte> prefix, out ReadOnlySpan<byte> local))
            return null;
        ReadOnlySpan<byte> tag = _bytes[open.._at];
        var element = new XElement(_names.Get(local, XNamespace.None));
        for (int count = 0; ; count++)
        {
            bool apart = PassBlanks();
            if (Take('/'))
                return Take('>') && Qualify(element, prefix, local, scope) ? element : null;
            if (Take('>'))
                break;
            if (!apart || count == MaxAttributes || !Attribute(element, ref scope))
                return null;
        }

        return Qualify(element, prefix, local, scope) && Content(element, scope, depth) && (_stopped || Close(tag)) ? element : null;
    }

    private bool Content(XElement element, Scope scope, int depth)
    {
        int start = _at;
        for (bool hasElements = false; ; hasElements = true)
        {
            if (!PassText(out bool blank) || _at + 1 >= _bytes.Length)
                return false;
            if (_bytes[_at + 1] == '/')
                return hasElements ? blank : SetText(element, start);
            // Blanks between elements are layout; other text there is not plain.
            if (!blank || Element(scope, depth + 1) is not { } child || (depth == 0 && _skip.Contains(child.Name)))
                return false;
            element.Add(child);
            _stopped |= depth == 0 && child.Name == _stopAfter;
            if (_stopped)
                return true;
        }
    }

    private readonly bool SetText(XElement element, int start)
    {
        string? text = Value(start, _at);
        if (string.IsNullOrEmpty(text))
            return false;
        element.Add(text);
        return true;
    }

    private bool Attribute(XElement element, ref Scope scope)
    {
        if (!Name(out ReadOnlySpan<byte> prefix, out ReadOnlySpan<byte> local) || !Take('=') || Quoted() is not { } value)
            return false;
        XName name;
        if (prefix.IsEmpty && !local.SequenceEqual("xmlns"u8))
        {
            name = _names.Get(local, XNamespace.None);
        }
        else
        {
            // The namespaces of the specification itself have rules of their own, and attributes in a namespace are nothing that we write.
            if (value.Length == 0 || value.StartsWith("http://www.w3.org/", StringComparison.Ordinal) || !(prefix.IsEmpty || (prefix.SequenceEqual("xmlns"u8) && !local.StartsWith("xml"u8))))
                return false;
            name = prefix.IsEmpty ? Xmlns : _names.Get(local, XNamespace.Xmlns);
            scope = new Scope(prefix.IsEmpty ? "" : name.LocalName, XNamespace.Get(value), scope);
        }

        if (element.Attribute(name) is not null)
            return false;
        element.Add(new XAttribute(name, value));
        return true;
    }

    private readonly bool Qualify(XElement element, ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> local, Scope scope)
    {
        string wanted = prefix.IsEmpty ? "" : _names.Get(prefix, XNamespace.None).LocalName;
        for (Scope? at = scope; at is not null; at = at.Outer)
        {
            if (at.Prefix != wanted)
                continue;
            if (at.Space != XNamespace.None)
                element.Name = _names.Get(local, at.Space);
            return true;
        }

        return false;
    }

    private bool Close(ReadOnlySpan<byte> tag)
    {
        if (!Take('<') || !Take('/') || !_bytes[_at..].StartsWith(tag))
            return false;
        _at += tag.Length;
        return Take('>');
    }

    // To the next '<' or the end of all; false for what is not plain.
    private bool PassText(out bool blank)
    {
        blank = true;
        for (; _at < _bytes.Length && _bytes[_at] != '<'; _at++)
        {
            byte next = _bytes[_at];
            if (next is (byte)' ' or (byte)'\n')
                continue;
            if (next is < (byte)' ' or (byte)'&' or (byte)']')
                return false;
            blank = false;
        }

        return true;
    }

    private string? Quoted()
    {
        char quote = _at < _bytes.Length ? (char)_bytes[_at] : ' ';
        if (quote is not ('"' or '\'') || !Take(quote))
            return null;
        int start = _at;
        for (; _at < _bytes.Length && _bytes[_at] != quote; _at++)
        {
            if (_bytes[_at] is < (byte)' ' or (byte)'&' or (byte)'<')
                return null;
        }

        return Take(quote) ? Value(start, _at - 1) : null;
    }

    // Null where the bytes are no text.
    private readonly string? Value(int start, int end)
    {
        ReadOnlySpan<byte> bytes = _bytes[start..end];
        try
        {
            string value = Strict.GetString(bytes);
            return value.Length == bytes.Length || value.AsSpan().IndexOfAny('\uFFFE', '\uFFFF') < 0 ? value : null;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private bool Name(out ReadOnlySpan<byte> prefix, out ReadOnlySpan<byte> local)
    {
        prefix = [];
        if (!Word(out local))
            return false;
        if (!Take(':'))
            return true;
        prefix = local;
        return Word(out local);
    }

    private bool Word(out ReadOnlySpan<byte> word)
    {
        int start = _at;
        while (_at < _bytes.Length && (char.IsAsciiLetter((char)_bytes[_at]) || _bytes[_at] == '_' || (_at > start && (char.IsAsciiDigit((char)_bytes[_at]) || _bytes[_at] is (byte)'-' or (byte)'.'))))
            _at++;
        word = _bytes[start.._at];
        return _at > start;
    }

    private bool PassBlanks()
    {
        int start = _at;
        while (_at < _bytes.Length && _bytes[_at] is (byte)' ' or (byte)'\n')
            _at++;
        return _at > start;
    }

    private bool Take(char wanted)
    {
        bool taken = _at < _bytes.Length && _bytes[_at] == wanted;
        if (taken)
            _at++;
        return taken;
    }

    /// <summary>One declaration of a namespace, and those around it.</summary>
    private sealed class Scope(string prefix, XNamespace space, Scope? outer)
    {
        public string Prefix => prefix;

        public XNamespace Space => space;

        public Scope? Outer => outer;
    }
}
