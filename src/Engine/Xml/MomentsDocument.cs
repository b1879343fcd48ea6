using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>
/// All moments of a domain in one document: its <c>&lt;domain&gt;</c> with <c>&lt;snapshots current='…'&gt;</c> and
/// <c>&lt;checkpoints current='…'&gt;</c>, which hold libvirt's documents.
/// </summary>
/// <param name="Domain">The definition, without the two lists.</param>
/// <param name="CurrentSnapshot">The name of one of the snapshots, or null.</param>
/// <param name="CurrentCheckpoint">The name of one of the checkpoints, or null.</param>
internal sealed record MomentsDocument(DomainDocument Domain, IReadOnlyList<SnapshotDocument> Snapshots, string? CurrentSnapshot, IReadOnlyList<CheckpointDocument> Checkpoints, string? CurrentCheckpoint)
{
    /// <summary>The largest document in bytes: thousands of moments, each with its domain.</summary>
    public const int MaxBytes = 128 << 20;

    private const string SnapshotList = "snapshots";
    private const string CheckpointList = "checkpoints";

    public static MomentsDocument Parse(string text, string source) => FromElement(XmlSource.Parse(text, source, MaxBytes).Root!, source);

    /// <summary>Whether a <c>&lt;domain&gt;</c> has moments in it, and so is a document of this kind.</summary>
    public static bool IsOne(XElement root) => root.Name == "domain" && (root.Element(SnapshotList) ?? root.Element(CheckpointList)) is not null;

    /// <summary>Reads the document; the lists are taken out of it.</summary>
    public static MomentsDocument FromElement(XElement root, string source)
    {
        var check = new XmlCheck(source);
        check.Root(root, "domain");
        (List<SnapshotDocument> snapshots, string? currentSnapshot) =
            ReadList(root, SnapshotList, SnapshotDocument.RootName, element => SnapshotDocument.FromElement(element, source, XmlOrigin.User), check);
        (List<CheckpointDocument> checkpoints, string? currentCheckpoint) =
            ReadList(root, CheckpointList, CheckpointDocument.RootName, element => CheckpointDocument.FromElement(element, source, XmlOrigin.User), check);
        return new MomentsDocument(DomainDocument.FromElement(root, source), snapshots, currentSnapshot, checkpoints, currentCheckpoint);
    }

    /// <summary>The text of the document; nothing of ours is in it.</summary>
    /// <param name="secure">With the secrets of the domains.</param>
    /// <param name="includeDomain">With the definition of the domain in each moment too.</param>
    /// <param name="sizes">By the name of a checkpoint: the bytes written since on each disk, which are output only.</param>
    public string ToXml(bool secure = false, bool includeDomain = true, Func<string, IReadOnlyDictionary<string, long?>?>? sizes = null)
    {
        XElement root = Domain.ToElement(secure, ours: false);
        WriteList(root, SnapshotList, Snapshots, CurrentSnapshot, snapshot => snapshot.ToElement(includeDomain, secure));
        WriteList(root, CheckpointList, Checkpoints, CurrentCheckpoint, checkpoint => checkpoint.ToElement(includeDomain, secure, sizes: sizes?.Invoke(checkpoint.Name!)));
        return XmlOutput.Write(root, $"the moments of domain '{Domain.Name}'");
    }

    private static (List<T> Moments, string? Current) ReadList<T>(XElement root, string listName, string elementName, Func<XElement, T> read, XmlCheck check)
        where T : MomentDocument
    {
        if (check.Single(root, listName) is not { } list)
            return ([], null);
        check.Attributes(list, "current");
        check.Content(list, [], [elementName]);
        List<T> moments = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (XElement element in list.Elements())
        {
            T moment = read(element);
            if (moment.Name is null)
                throw check.Broken(element, "among all moments of a domain each needs a <name>");
            if (!names.Add(moment.Name))
                throw check.Broken(element, $"the name {XmlErrors.Quote(moment.Name)} is there already in <{listName}>");
            moments.Add(moment);
        }

        string? current = list.Attribute("current")?.Value;
        if (current is not null && !names.Contains(current))
            throw check.Broken(list.Attribute("current")!, $"the attribute 'current' names {XmlErrors.Quote(current)}, which is not among <{listName}>");
        list.Remove();
        return (moments, current);
    }

    private static void WriteList(XElement root, string name, IReadOnlyList<MomentDocument> moments, string? current, Func<MomentDocument, XElement> write)
    {
        if (moments.Count > 0)
            root.Add(new XElement(name, current is null ? null : new XAttribute("current", current), moments.Select(write)));
    }
}
