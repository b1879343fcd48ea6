using System.Xml;
using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>
/// A reader that refuses what is nested too deep or has too many attributes before any of it becomes part of a tree,
/// and that can pass over children of the root and end the document early.
/// </summary>
/// <param name="inner">The reader; it is disposed of with this one.</param>
/// <param name="source">What the messages call the document.</param>
/// <param name="skip">Children of the root that are checked, but not shown.</param>
/// <param name="stopAfter">The child of the root after which the document is said to end; null for the whole.</param>
internal sealed class BoundedXmlReader(XmlReader inner, string source, IReadOnlyCollection<XName> skip, XName? stopAfter) : XmlReader, IXmlLineInfo
{
    private Stage stage;

    private enum Stage
    {
        Reading,

        // The child to stop after was shown: what comes next is the end of the root.
        Stopping,
        RootEnded,
        Ended,
    }

    /// <summary>The line that was read last, for errors of the reader that do not say it.</summary>
    public int LastLine { get; private set; } = 1;

    public override bool EOF => stage == Stage.Ended || inner.EOF;

    public override ReadState ReadState => stage == Stage.Ended ? ReadState.EndOfFile : inner.ReadState;

    public override XmlNodeType NodeType => stage switch
    {
        Stage.RootEnded => XmlNodeType.EndElement,
        Stage.Ended => XmlNodeType.None,
        _ => inner.NodeType,
    };

    public override int Depth => stage is Stage.RootEnded or Stage.Ended ? 0 : inner.Depth;

    public override int AttributeCount => inner.AttributeCount;

    public override string BaseURI => inner.BaseURI;

    public override bool IsEmptyElement => inner.IsEmptyElement;

    public override string LocalName => inner.LocalName;

    public override string NamespaceURI => inner.NamespaceURI;

    public override string Prefix => inner.Prefix;

    public override string Value => inner.Value;

    public override XmlNameTable NameTable => inner.NameTable;

    public int LineNumber => ((IXmlLineInfo)inner).LineNumber;

    public int LinePosition => ((IXmlLineInfo)inner).LinePosition;

    public bool HasLineInfo() => ((IXmlLineInfo)inner).HasLineInfo();

    public override bool Read()
    {
        if (stage is Stage.Stopping or Stage.RootEnded or Stage.Ended)
        {
            stage = stage == Stage.Stopping ? Stage.RootEnded : Stage.Ended;
            return stage == Stage.RootEnded;
        }

        while (Advance())
        {
            if (inner.Depth != 1)
                return true;
            if (inner.NodeType == XmlNodeType.Element && skip.Any(IsHere))
            {
                PassOver();
                continue;
            }

            if (stopAfter is not null && EndsHere() && IsHere(stopAfter))
                stage = Stage.Stopping;
            return true;
        }

        return false;
    }

    public override string GetAttribute(int i) => inner.GetAttribute(i);

    public override string? GetAttribute(string name) => inner.GetAttribute(name);

    public override string? GetAttribute(string name, string? namespaceURI) => inner.GetAttribute(name, namespaceURI);

    public override string? LookupNamespace(string prefix) => inner.LookupNamespace(prefix);

    public override bool MoveToAttribute(string name) => inner.MoveToAttribute(name);

    public override bool MoveToAttribute(string name, string? ns) => inner.MoveToAttribute(name, ns);

    public override bool MoveToElement() => inner.MoveToElement();

    public override bool MoveToFirstAttribute() => inner.MoveToFirstAttribute();

    public override bool MoveToNextAttribute() => inner.MoveToNextAttribute();

    public override bool ReadAttributeValue() => inner.ReadAttributeValue();

    public override void ResolveEntity() => inner.ResolveEntity();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    private bool Advance()
    {
        if (!inner.Read())
            return false;
        LastLine = LineNumber;
        if (inner.Depth > XmlSource.MaxDepth)
            throw XmlSource.TooLarge(source, $"line {LastLine}: its elements are nested more than {XmlSource.MaxDepth} deep");
        if (inner.AttributeCount > XmlSource.MaxAttributes)
            throw XmlSource.TooLarge(source, $"line {LastLine}: an element has more than {XmlSource.MaxAttributes} attributes");
        return true;
    }

    private void PassOver()
    {
        if (inner.IsEmptyElement)
            return;
        while (Advance() && inner.Depth > 1)
        {
        }
    }

    private bool EndsHere() => inner.NodeType == XmlNodeType.EndElement || (inner.NodeType == XmlNodeType.Element && inner.IsEmptyElement);

    private bool IsHere(XName name) => name.LocalName == inner.LocalName && name.NamespaceName == inner.NamespaceURI;
}
