using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Qcow2;
using MomentTools.Qmp;

namespace MomentTools.Operations.Layers;

/// <summary>
/// A layer that is larger than the one which is merged into it becomes as small before: what lies beyond nobody reads, and would show up again
/// above the merged content. QEMU does the reverse by itself.
/// </summary>
internal static class LayerFit
{
    public static async Task RunAsync(ChangeScope scope, string disk, TrackingLayer into, TrackingLayer child, IReadOnlySet<string> freed, CancellationToken cancellation)
    {
        Qcow2Header header = await DiskChain.HeaderAsync(child.Path, cancellation);
        into = into with { Facts = new LayerFacts(header.BackingFormat ?? "qcow2", 0, 0, null, null, null, null) };
        long size = header.Size;
        await using LayerSession layers = await LayerSession.OverDaemonAsync(scope, disk, into, BlockAccess.Read, cancellation);
        QmpBlockNode seen = (await layers.NodesAsync(cancellation)).Require(into.Path);
        await layers.Session.CloseAsync(cancellation);
        if (seen.VirtualSize <= size)
            return;
        await using LayerSession written = await LayerSession.OverDaemonAsync(scope, disk, into, BlockAccess.Change, cancellation);
        QmpBlockNode node = (await written.NodesAsync(cancellation)).Require(into.Path);
        TransactionAction[] actions = [.. node.DirtyBitmaps.Select(bitmap => bitmap.Name).OfType<string>()
            .Where(name => name.StartsWith(MomentIds.BitmapPrefix, StringComparison.Ordinal) || freed.Contains(name)).Select(name => TransactionAction.BitmapRemove(node.NodeName, name))];
        // Of an inconsistent bitmap QEMU refuses to change the size.
        if (actions.Length > 0)
            await written.Session.Qmp.TransactionAsync(actions, CancellationToken.None);
        await written.Session.Qmp.BlockResizeAsync(node.NodeName, size, CancellationToken.None);
        await written.CloseAsync(node.NodeName, into.Path);
    }
}
