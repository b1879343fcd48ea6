namespace MomentTools.Qmp;

/// <summary>An export of a node (QAPI <c>BlockExportInfo</c>).</summary>
/// <param name="Type">nbd, fuse or vhost-user-blk.</param>
/// <param name="ShuttingDown">Whether it is being deleted and waits for its clients.</param>
internal sealed record QmpBlockExport(string Id, string Type, string NodeName, bool ShuttingDown)
{
    internal static QmpBlockExport Read(QmpValue export) =>
        new(export["id"].Text, export["type"].Text, export["node-name"].Text, export["shutting-down"].Flag);
}
