using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Qmp;

namespace MomentTools.Operations.Layers;

/// <summary>The nodes of a disk's layers in QEMU or its storage daemon, found by the files that they have open.</summary>
internal sealed class ChainNodes(string disk, IReadOnlyList<QmpBlockNode> nodes)
{
    public static async Task<ChainNodes> ReadAsync(QmpClient qmp, string disk, CancellationToken cancellation) =>
        new(disk, await qmp.QueryNamedBlockNodesAsync(cancellation));

    /// <summary>The node that has this file open as an image; an error where there is none, or several.</summary>
    public QmpBlockNode Require(string path) => Find(path) ?? throw LayerErrors.NotOpen(disk, path);

    /// <summary>The node that has this file open as an image, or null.</summary>
    public QmpBlockNode? Find(string path)
    {
        FileStamp? stamp = FileStamp.Of(path);
        QmpBlockNode[] found = [.. nodes.Where(node => node.Driver is "qcow2" or "raw" && IsSame(NodeFile.Of(node.File), path, stamp))];
        return found is [QmpBlockNode only] ? only : null;
    }

    /// <summary>Closes a layer that no chain has any more; one that QEMU closed by itself is gone already.</summary>
    /// <returns>Why QEMU keeps it open, or null: an export may still serve it. Its file must stay then.</returns>
    public static async Task<string?> CloseAsync(QmpClient qmp, string node)
    {
        foreach (string name in (string[])[node, node + "-f"])
        {
            try
            {
                if ((await qmp.QueryNamedBlockNodesAsync(CancellationToken.None)).Any(one => one.NodeName == name))
                    await qmp.BlockdevDelAsync(name, CancellationToken.None);
            }
            catch (Errors.MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
            {
                // A file's node that came with its format's node goes with it, and cannot be closed by itself.
                return name == node ? refused.Message : null;
            }
        }

        return null;
    }

    private static bool IsSame(string file, string path, FileStamp? stamp) =>
        file == path || stamp is not null && file.StartsWith('/') && FileStamp.Of(file) is { } other && ImageLink.Same(stamp, other);
}
