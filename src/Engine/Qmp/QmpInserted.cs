namespace MomentTools.Qmp;

/// <summary>What is inserted in a device: its topmost block node (QAPI <c>BlockDeviceInfo</c>).</summary>
/// <param name="File">The file name as QEMU composes it; may be a json: pseudo name.</param>
/// <param name="BackingFile">The name of the backing file as the image says it, or null.</param>
/// <param name="VirtualSize">Bytes that the guest sees.</param>
internal sealed record QmpInserted(
    string NodeName, string File, string Driver, bool ReadOnly, string? BackingFile, long VirtualSize, IReadOnlyList<QmpDirtyBitmap> DirtyBitmaps)
{
    /// <summary>The file names of the nodes that it really stands on, whatever the images say, from the top down; filters are among them.</summary>
    public IReadOnlyList<string> Beneath { get; private init; } = [];

    internal static QmpInserted Read(QmpValue info)
    {
        QmpBlockNode node = QmpBlockNode.Read(info);
        return new QmpInserted(node.NodeName, node.File, node.Driver, node.ReadOnly, node.BackingFile, node.VirtualSize, node.DirtyBitmaps) { Beneath = ReadBeneath(info["image"]) };
    }

    // As deep as the reply is, which the parser limits.
    private static List<string> ReadBeneath(QmpValue image)
    {
        List<string> names = [];
        for (QmpValue? below = image.Find("backing-image"); below is QmpValue one; below = one.Find("backing-image"))
            names.Add(one["filename"].Text);
        return names;
    }
}
