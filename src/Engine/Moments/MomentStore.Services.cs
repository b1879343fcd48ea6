using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>What the records of block snapshots hold, which are read and written elsewhere.</summary>
internal sealed partial class MomentStore
{
    private const string BlockSnapshotFolder = "blocksnapshots";
    private const string CopySidecar = "copy-sidecar";

    /// <summary>The sidecars that block snapshots need; null where a record cannot be read, which may be mended by hand.</summary>
    private HashSet<string>? SidecarsOfBlockSnapshots()
    {
        HashSet<string> used = new(StringComparer.Ordinal);
        string folder = Path.Combine(directory, BlockSnapshotFolder);
        if (!Directory.Exists(folder))
            return used;
        foreach (string path in Directory.EnumerateFileSystemEntries(folder, "*.xml").Where(file => !DurableFile.IsTemporary(file)))
        {
            try
            {
                used.UnionWith(XmlSource.ReadFile(path).Descendants().Select(element => element.Attribute(CopySidecar)?.Value).OfType<string>());
            }
            catch (MomentException)
            {
                return null;
            }
        }

        return used;
    }
}
