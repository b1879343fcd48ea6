namespace MomentTools.Machines;

/// <summary>One image of a disk's chain, as QEMU or its storage daemon is to open it.</summary>
/// <param name="NodeName">The node of the format; the node of the file is called by it, with "-f" behind.</param>
/// <param name="Path">The absolute path of the file or block device.</param>
/// <param name="Format"><c>qcow2</c> or <c>raw</c>: always said, never probed.</param>
/// <param name="ReadOnly">Whether the layer is frozen, or the disk as a whole is read-only.</param>
/// <param name="IsBlockDevice">Whether the path is a block device of the host.</param>
internal sealed record ImageLayer(string NodeName, string Path, string Format, bool ReadOnly, bool IsBlockDevice)
{
    /// <summary>The node of the file under the format.</summary>
    public string FileNodeName => NodeName + "-f";
}
