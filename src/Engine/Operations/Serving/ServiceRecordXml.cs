using System.Globalization;
using System.Xml.Linq;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Serving;

/// <summary>What the records of block snapshots and block exports have in common, as elements and attributes of our own namespace.</summary>
internal static class ServiceRecordXml
{
    // Node names and QOM paths are shorter, sentences too: what is longer was not written by us.
    private const int LongestText = 4096;

    private const int MostDisks = 9999;

    private static readonly string[] OwnerAttributes = ["owner", "process", "started", "expires", "export"];

    /// <summary>The names of the attributes that every record has.</summary>
    public static readonly IReadOnlyList<string> Shared = ["id", "created", .. OwnerAttributes];

    public static IEnumerable<XAttribute?> Write(string id, DateTimeOffset created, ServiceOwner owner) =>
    [
        new XAttribute("id", id),
        new XAttribute("created", BranchXml.Time(created)),
        new XAttribute("owner", Word(owner.Kind)),
        XmlOutput.Attribute("process", owner.ProcessId),
        XmlOutput.Attribute("started", owner.ProcessStartedAt),
        owner.Expires is { } expires ? new XAttribute("expires", BranchXml.Time(expires)) : null,
        XmlOutput.Attribute("export", owner.ExportId),
    ];

    /// <summary>An owner says all that its kind needs, and nothing else.</summary>
    public static ServiceOwner ReadOwner(XElement element, XmlCheck check)
    {
        check.Required(element, "owner");
        VMServiceOwner kind = check.Choice(element, "owner", [.. Enum.GetValues<VMServiceOwner>().Select(Word)]) switch
        {
            "session" => VMServiceOwner.Session,
            "export" => VMServiceOwner.Export,
            _ => VMServiceOwner.Machine,
        };
        int? process = (int?)OptionalNumber(element, "process", 1, int.MaxValue, check);
        long? started = OptionalNumber(element, "started", 0, long.MaxValue, check);
        string? export = element.Attribute("export") is null ? null : Id(element, "export", check);
        bool isSession = kind == VMServiceOwner.Session;
        if (process.HasValue != isSession || started.HasValue != isSession || export is not null != (kind == VMServiceOwner.Export))
            throw check.Broken(element, "a session has 'process' and 'started', an export 'export', and neither has what the other one has");
        return new ServiceOwner(kind, process, started, element.Attribute("expires") is null ? null : BranchXml.Time(element, "expires", check), export);
    }

    /// <summary>The element of ours, which every record has.</summary>
    public static XElement Extension(XElement? found, string path) => found ?? throw ServingErrors.RecordInvalid(path, "the element of MomentTools is missing in it");

    public static XElement? Write(string name, ServingProcess? process) => process is null ? null : new XElement(TrackingXml.Name(name),
        new XAttribute("process", process.ProcessId), new XAttribute("started", process.StartedAt), new XAttribute("socket", process.Socket));

    public static ServingProcess? ReadProcess(XElement parent, string name, XmlCheck check)
    {
        if (parent.Element(TrackingXml.Name(name)) is not { } element)
            return null;
        check.Attributes(element, "process", "started", "socket");
        check.Content(element, []);
        return new ServingProcess((int)Number(element, "process", 1, int.MaxValue, check), Number(element, "started", 0, long.MaxValue, check), AbsolutePath(element, "socket", check)!);
    }

    /// <summary>Reads an element for each disk of the document, in its order; both lists must name the same disks.</summary>
    /// <param name="element">The element of ours.</param>
    /// <param name="names">The disks of the document.</param>
    /// <param name="read">Reads one.</param>
    /// <param name="numberOf">Its number, which no other disk may have.</param>
    public static IReadOnlyList<T> Disks<T>(XElement element, IReadOnlyList<string> names, Func<XElement, T> read, Func<T, int> numberOf, XmlCheck check)
    {
        XElement[] given = [.. element.Elements(TrackingXml.Name("disk"))];
        if (names.Count == 0 || !given.Select(disk => check.Required(disk, "name")).SequenceEqual(names, StringComparer.Ordinal))
            throw check.Broken(element, "it must have an element <disk> for each disk of the document, in the same order, and there must be one");
        HashSet<int> numbers = [];
        return [.. given.Select(disk => read(disk) is var one && numbers.Add(numberOf(one)) ? one : throw check.Broken(disk, "another disk has its number already"))];
    }

    public static int DiskNumber(XElement element, XmlCheck check) => (int)Number(element, "number", 0, MostDisks, check);

    public static long Number(XElement element, string attribute, long least, long most, XmlCheck check) =>
        check.Number(element.Attribute(attribute) ?? (XObject)element, check.Required(element, attribute), least, most);

    public static long? OptionalNumber(XElement element, string attribute, long least, long most, XmlCheck check) =>
        element.Attribute(attribute) is null ? null : Number(element, attribute, least, most, check);

    /// <summary>A device or an inode, which may use all 64 bits.</summary>
    public static ulong Identity(XElement element, string attribute, XmlCheck check) =>
        ulong.TryParse(check.Required(element, attribute), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            ? number : throw check.Broken(element.Attribute(attribute)!, $"the attribute '{attribute}' must be a whole number");

    /// <summary>An id of ours: it becomes part of names of files and nodes.</summary>
    public static string Id(XElement element, string attribute, XmlCheck check) => check.Required(element, attribute) is { Length: <= 64 } id && id.All(char.IsAsciiLetterOrDigit)
        ? id : throw check.Broken(element.Attribute(attribute)!, $"{XmlErrors.Quote(element.Attribute(attribute)!.Value)} is not an id");

    /// <summary>A text of one line; null where it is not there.</summary>
    public static string? Text(XElement element, string attribute, XmlCheck check)
    {
        if (element.Attribute(attribute) is not { } given)
            return null;
        return given.Value.Length is > 0 and <= LongestText && !given.Value.Any(char.IsControl)
            ? given.Value : throw check.Broken(given, $"the attribute '{attribute}' must be one line of at most {LongestText} characters");
    }

    /// <summary>A sentence as <see cref="Text"/> takes it.</summary>
    public static string OneLine(string sentence)
    {
        string line = string.Concat(sentence.Select(letter => char.IsControl(letter) ? ' ' : letter));
        return line.Length <= LongestText ? line : line[..LongestText];
    }

    /// <summary>A text of one line that must be there.</summary>
    public static string RequiredText(XElement element, string attribute, XmlCheck check)
    {
        check.Required(element, attribute);
        return Text(element, attribute, check)!;
    }

    /// <summary>An absolute path; null where it is not there, unless it must be.</summary>
    public static string? AbsolutePath(XElement element, string attribute, XmlCheck check, bool required = true)
    {
        if (!required && element.Attribute(attribute) is null)
            return null;
        check.Required(element, attribute);
        return check.AbsolutePath(element.Attribute(attribute)!);
    }

    private static string Word(VMServiceOwner kind) => kind.ToString().ToLowerInvariant();
}
