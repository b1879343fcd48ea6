using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>The <c>&lt;memory&gt;</c> of a snapshot (formatsnapshot).</summary>
/// <param name="Mode">Where the memory was saved; never <see cref="SnapshotMode.Manual"/>.</param>
/// <param name="File">The absolute path of the file with the memory: exactly where the mode is external.</param>
internal sealed record SnapshotMemory(SnapshotMode Mode, string? File = null)
{
    public static SnapshotMemory Read(XElement memory, XmlCheck check)
    {
        check.Attributes(memory, "snapshot", "file");
        check.Content(memory, []);
        string? word = check.Choice(memory, "snapshot", "no", "internal", "external");
        if (memory.Attribute("file") is not { } file)
        {
            return word switch
            {
                null => throw check.Broken(memory, "it needs the attribute 'snapshot', or 'file' for memory saved in a file"),
                "external" => throw check.Broken(memory, "memory with snapshot='external' needs the attribute 'file'"),
                _ => new SnapshotMemory(word == "no" ? SnapshotMode.No : SnapshotMode.Internal),
            };
        }

        return word is null or "external"
            ? new SnapshotMemory(SnapshotMode.External, check.AbsolutePath(file))
            : throw check.Broken(file, "the attribute 'file' needs snapshot='external'");
    }

    public XElement ToElement() => new("memory",
        new XAttribute("snapshot", SnapshotDisk.Word(Mode)),
        File is null ? null : new XAttribute("file", File));
}
