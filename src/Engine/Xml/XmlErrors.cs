using System.Text;
using System.Xml;
using System.Xml.Linq;
using MomentTools.Errors;

namespace MomentTools.Xml;

/// <summary>What can be wrong with a document or a name, told with the source, the line and the rule.</summary>
internal static class XmlErrors
{
    public static readonly ErrorId XmlTooLarge = new("XmlTooLarge", ErrorKind.InvalidArgument);
    public static readonly ErrorId XmlDtdRefused = new("XmlDtdRefused", ErrorKind.InvalidArgument);
    public static readonly ErrorId XmlMalformed = new("XmlMalformed", ErrorKind.InvalidArgument);
    public static readonly ErrorId XmlRuleBroken = new("XmlRuleBroken", ErrorKind.InvalidArgument);
    public static readonly ErrorId XmlTextInvalid = new("XmlTextInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId MomentNameInvalid = new("MomentNameInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId BranchNameInvalid = new("BranchNameInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId DomainNameInvalid = new("DomainNameInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId DiskNotInDomain = new("DiskNotInDomain", ErrorKind.NotFound);
    public static readonly ErrorId DiskNamedTwice = new("DiskNamedTwice", ErrorKind.InvalidArgument);
    public static readonly ErrorId CheckpointDiskUnsupported = new("CheckpointDiskUnsupported", ErrorKind.Unsupported);
    public static readonly ErrorId CheckpointWithoutDisk = new("CheckpointWithoutDisk", ErrorKind.InvalidArgument);
    public static readonly ErrorId SnapshotDiskUnsupported = new("SnapshotDiskUnsupported", ErrorKind.Unsupported);
    public static readonly ErrorId SnapshotWithoutDisk = new("SnapshotWithoutDisk", ErrorKind.InvalidArgument);
    public static readonly ErrorId SnapshotModesMixed = new("SnapshotModesMixed", ErrorKind.Unsupported);
    public static readonly ErrorId SnapshotManual = new("SnapshotManual", ErrorKind.Unsupported);
    public static readonly ErrorId BackupDocumentUnsupported = new("BackupDocumentUnsupported", ErrorKind.Unsupported);

    /// <summary>What messages call a text that the user gave: a source begins or ends with it.</summary>
    public const string Given = "the XML given";

    private const int LongestQuote = 80;

    /// <summary>Says where a document breaks which rule.</summary>
    /// <param name="where">The element, attribute or text that breaks it.</param>
    /// <param name="rule">The rule in plain words, without a full stop.</param>
    public static MomentException RuleBroken(string source, XObject where, string rule, ErrorId? id = null) =>
        new(id ?? XmlRuleBroken, $"Cannot use {XmlOf(source)}: {Place(where)}: {rule}.", source, "Correct the document and give it again: nothing was changed.");

    /// <summary>A source in a sentence: the XML of a file, for instance; what the user gave as XML is that already.</summary>
    public static string XmlOf(string source) =>
        source.StartsWith(Given, StringComparison.Ordinal) || source.EndsWith(Given, StringComparison.Ordinal) ? source : $"the XML of {source}";

    /// <summary>A value as a message shows it: in quotes, short, and without characters that would break the line.</summary>
    public static string Quote(string value)
    {
        string shown = value.Length <= LongestQuote ? value : value[..LongestQuote] + "…";
        return $"'{string.Concat(shown.EnumerateRunes().Select(rune => (Rune.IsControl(rune) ? Rune.ReplacementChar : rune).ToString()))}'";
    }

    /// <summary>An element as a message names it: <c>&lt;disk&gt;</c>, with its namespace where it has one.</summary>
    public static string Tag(XElement element) => $"<{Quote(element.Name.ToString())[1..^1]}>";

    /// <summary>Where something stands: <c>line 3, &lt;disk&gt;</c>.</summary>
    public static string Place(XObject where)
    {
        XElement? element = where as XElement ?? where.Parent;
        string tag = element is null ? "the document" : Tag(element);
        // Copies of a document have no lines; then the element must do.
        IXmlLineInfo line = where;
        return line.HasLineInfo() ? $"line {line.LineNumber}, {tag}" : tag;
    }
}
