using System.Text;
using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>One <c>&lt;disk&gt;</c> of a block export.</summary>
/// <param name="Name">The disk's target, or in a document of a user the path of its source.</param>
/// <param name="Snapshot">The block snapshot that is served, or null.</param>
/// <param name="Checkpoint">The moment since which the changed blocks are told, or null.</param>
/// <param name="ExportName">The export's name in the NBD protocol; null where the document does not say.</param>
/// <param name="ReadOnly">Whether clients may only read; null where the document does not say, which means that they may only read.</param>
internal sealed record BlockExportDocumentDisk(string Name, string? Snapshot, string? Checkpoint, string? ExportName, bool? ReadOnly)
{
    /// <summary>The longest name of an export in bytes of UTF-8: no string of the NBD protocol may be longer.</summary>
    public const int MaxExportName = 4096;

    public static BlockExportDocumentDisk Read(XElement disk, XmlCheck check)
    {
        check.Attributes(disk, "name", "snapshot", "checkpoint", "exportname", "readonly");
        check.Content(disk, []);
        return new BlockExportDocumentDisk(
            check.DiskName(disk),
            Value(disk, "snapshot", "the name of a block snapshot", MomentNames.BlockSnapshotRule, check),
            Value(disk, "checkpoint", "the name of a moment", MomentNames.SnapshotRule, check),
            Value(disk, "exportname", "the name of an export", ExportNameRule, check),
            check.Choice(disk, "readonly", "yes", "no") switch { null => null, var word => word == "yes" });
    }

    public XElement ToElement() => new("disk",
        new XAttribute("name", Name),
        XmlOutput.Attribute("snapshot", Snapshot),
        XmlOutput.Attribute("checkpoint", Checkpoint),
        XmlOutput.Attribute("exportname", ExportName),
        XmlOutput.Attribute("readonly", ReadOnly switch { null => null, true => "yes", false => "no" }));

    /// <summary>The rule that the name of an export breaks, without a full stop, or null.</summary>
    public static string? ExportNameRule(string name)
    {
        if (name.Length is 0 or > MaxExportName || Encoding.UTF8.GetByteCount(name) > MaxExportName)
            return $"it must have from 1 to {MaxExportName} bytes";
        return name.EnumerateRunes().Any(rune => Rune.IsControl(rune) || rune == Rune.ReplacementChar) ? "control characters and characters that are not text are not allowed" : null;
    }

    private static string? Value(XElement disk, string attribute, string what, Func<string, string?> ruleOf, XmlCheck check)
    {
        if (disk.Attribute(attribute) is not { } given)
            return null;
        return ruleOf(given.Value) is { } rule ? throw check.Broken(given, $"the attribute '{attribute}': {XmlErrors.Quote(given.Value)} cannot be {what}: {rule}") : given.Value;
    }
}
