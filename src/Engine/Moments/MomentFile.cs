using System.Globalization;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>
/// The file of one moment: libvirt's document with one element of ours, which stands in front of the domain so that a list need not
/// read further. It has the moment's point on each disk.
/// </summary>
internal static class MomentFile
{
    private const string CheckpointFolder = "checkpoints";
    private const string SnapshotFolder = "snapshots";

    private static readonly XName[] Tail = ["domain", "inactiveDomain", "cookie"];
    private static readonly XName Disk = TrackingXml.Name("disk");

    /// <summary>The folder of a kind below the domain's state directory.</summary>
    public static string FolderOf(MomentKind kind) => kind == MomentKind.Checkpoint ? CheckpointFolder : SnapshotFolder;

    /// <summary>The file of a moment, relative to the domain's state directory.</summary>
    public static string PathOf(MomentKey key) => $"{FolderOf(key.Kind)}/{key.Name}.xml";

    public static string Write(StoredMoment moment, IEnumerable<(string Disk, TrackingPoint Point)> points)
    {
        if (!moment.Whole)
            throw new InvalidOperationException($"Only the head of {moment.Key} is known: written like this its domain would be lost.");
        var extension = new XElement(XmlNames.Moment,
            new XAttribute("id", moment.Id),
            new XAttribute("created", moment.Created.ToString("O", CultureInfo.InvariantCulture)),
            moment.Repository is null ? null : new XAttribute("repository", moment.Repository),
            moment.Group is null ? null : new XAttribute("group", moment.Group),
            moment.Parent is { } parent && parent.Kind != moment.Key.Kind ? new XAttribute("parent", parent) : null,
            points.Select(pair => new XElement(TrackingXml.Name("disk"), new XAttribute("name", pair.Disk), TrackingXml.Write(pair.Point))));
        return (moment.Document with { Extension = extension }).ToXml(secure: true, includeExtension: true);
    }

    /// <summary>What reads the heads of many files for <see cref="ReadHead"/>; each thread needs its own.</summary>
    public static HeadReader Heads() => new(Tail, XmlNames.Moment);

    /// <summary>Reads what a list shows of a file.</summary>
    /// <exception cref="MomentException">The file cannot be read, breaks a rule, or holds another moment than its name says.</exception>
    public static MomentFileContent ReadHead(HeadReader heads, string path, MomentKey key)
    {
        if (heads.ReadPlain(path) is { } plain)
        {
            try
            {
                return From(plain, path, key, whole: false);
            }
            catch (MomentException)
            {
                // It breaks a rule, of which the other reader tells the line.
            }
        }

        return From(heads.Read(path), path, key, whole: false);
    }

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="MomentException">The file cannot be read, breaks a rule, or holds another moment than its name says.</exception>
    public static MomentFileContent Read(string path, MomentKey key) => From(XmlSource.ReadFile(path).Root!, path, key, whole: true);

    /// <summary>Reads the text of a file that is kept elsewhere.</summary>
    /// <param name="relative">Its path below the domain's directory, which says what moment it is.</param>
    /// <exception cref="MomentException">It breaks a rule, or holds another moment than the path says.</exception>
    public static MomentFileContent Parse(string relative, string content)
    {
        foreach (MomentKind kind in (ReadOnlySpan<MomentKind>)[MomentKind.Checkpoint, MomentKind.Snapshot])
            if (relative.StartsWith(FolderOf(kind) + "/", StringComparison.Ordinal) && relative.EndsWith(".xml", StringComparison.Ordinal))
                return From(XmlSource.Parse(content, relative).Root!, relative, new MomentKey(kind, Path.GetFileNameWithoutExtension(relative)), whole: true);
        throw new MomentException(MomentErrors.MomentFileInvalid, $"'{relative}' is not the file of a moment.", relative, "The record was changed by hand; Repair-VMMoment takes it out.");
    }

    private static MomentFileContent From(XElement root, string path, MomentKey key, bool whole)
    {
        MomentDocument document = MomentDocuments.FromElement(root, path, XmlOrigin.Store);
        MomentKind kind = document is CheckpointDocument ? MomentKind.Checkpoint : MomentKind.Snapshot;
        if (document.Name != key.Name || kind != key.Kind)
            throw new MomentException(MomentErrors.MomentFileInvalid, $"The file '{path}' holds {(document.Name is null ? "a moment without a name" : $"the moment '{new MomentKey(kind, document.Name)}'")}, not '{key}'.", path, "Rename the file after the moment it holds, or remove it.");
        var check = new XmlCheck(path);
        XElement? extension = document.Extension;
        DateTimeOffset created = ReadTime(extension?.Attribute("created")?.Value) ?? DateTimeOffset.FromUnixTimeSeconds(document.CreationTime ?? 0);
        var moment = new StoredMoment(
            key, extension?.Attribute("id")?.Value ?? key.ToString(), document with { Extension = null }, Parent(document, key, check), created, extension?.Attribute("repository")?.Value)
        {
            Whole = whole,
            Group = extension?.Attribute("group")?.Value,
        };
        var points = new Dictionary<string, TrackingPoint>(StringComparer.Ordinal);
        foreach (XElement disk in extension?.Elements(Disk) ?? [])
        {
            if (!points.TryAdd(check.Required(disk, "name"), TrackingXml.ReadPoint(disk, key, check)))
                throw new MomentException(MomentErrors.MomentFileInvalid, $"The file '{path}' names one disk more than once.", path, "The file was changed by hand; put it back, or remove it.");
        }

        return new MomentFileContent(moment, points);
    }

    /// <summary>A time as the files have it; null where it is none. The form that is written is read many times as fast as any other one.</summary>
    public static DateTimeOffset? ReadTime(string? text) =>
        DateTimeOffset.TryParseExact(text, "O", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset time) || DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out time)
            ? time : null;

    /// <summary>The moment with what its head lacks, taken from its file; what was changed in the head stays changed.</summary>
    public static StoredMoment Complete(StoredMoment head, string path)
    {
        StoredMoment whole = Read(path, head.Key).Moment;
        if (whole.Id != head.Id)
            throw new MomentException(MomentErrors.MomentFileInvalid, $"The file '{path}' holds another moment than a moment ago: it was replaced meanwhile.", path, "Run the command again.");
        return head with
        {
            Whole = true,
            Document = (head.Document, whole.Document) switch
            {
                (SnapshotDocument changed, SnapshotDocument read) => changed with
                {
                    Domain = read.Domain,
                    DomainUuid = read.DomainUuid,
                    InactiveDomain = read.InactiveDomain,
                    Cookie = read.Cookie,
                    Active = read.Active,
                    Unknown = read.Unknown,
                },
                var (changed, read) => changed with { Domain = read.Domain, Unknown = read.Unknown },
            },
        };
    }

    // libvirt's <parent> has no kind: where it is not the moment's own, our element says so.
    private static MomentKey? Parent(MomentDocument document, MomentKey key, XmlCheck check)
    {
        if (document.ParentName is not { } name)
            return null;
        if (document.Extension?.Attribute("parent") is not { } given)
            return new MomentKey(key.Kind, name);
        return MomentKey.TryParse(given.Value, out MomentKey? parent) && parent.Name == name
            ? parent
            : throw check.Broken(given, $"{XmlErrors.Quote(given.Value)} is not the parent '{name}' with its kind in front");
    }
}
