namespace MomentTools.Qmp;

/// <summary>What is inserted in a device: its topmost block node (QAPI <c>BlockDeviceInfo</c>).</summary>
/// <param name="File">The file name as QEMU composes it; may be a json: pseudo name.</param>
/// <param name="BackingFile">The name of the backing file as the image says it, or null.</param>
/// <param name="VirtualSize">Bytes that the guest sees.</param>
internal sealed record QmpInserted(
    string NodeName, string File, string Driver, bool ReadOnly, string? BackingFile, long VirtualSize, IReadOnlyList<QmpDirtyBitmap> DirtyBitmaps)
{
    internal static QmpInserted Read(QmpValue info)
    {
        QmpBlockNode node = QmpBlockNode.Read(info);
        return new QmpInserted(node.NodeName, node.File, node.Driver, node.ReadOnly, node.BackingFile, node.VirtualSize, node.DirtyBitmaps);
    }
}
