using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>Reads a checkpoint or a snapshot: the root element says which it is.</summary>
internal static class MomentDocuments
{
    public static MomentDocument Parse(string text, string source, XmlOrigin origin) =>
        FromElement(XmlSource.Parse(text, source).Root!, source, origin);

    /// <summary>Reads an element that may lie in a larger document; its domains are taken out of there.</summary>
    public static MomentDocument FromElement(XElement root, string source, XmlOrigin origin) => root.Name.ToString() switch
    {
        CheckpointDocument.RootName => CheckpointDocument.FromElement(root, source, origin),
        SnapshotDocument.RootName => SnapshotDocument.FromElement(root, source, origin),
        _ => throw XmlErrors.RuleBroken(source, root, $"the root element must be <{CheckpointDocument.RootName}> or <{SnapshotDocument.RootName}>"),
    };
}
