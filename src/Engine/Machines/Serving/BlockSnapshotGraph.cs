using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Qmp;

namespace MomentTools.Machines.Serving;

/// <summary>
/// Takes a block snapshot out of a running QEMU, from any state between its making and its end; what is gone already is passed over. The
/// guest's device gets the node beneath the filter. A filter with others on it cannot be taken out: it is turned away from its scratch
/// image, which frees that, and goes with the last one above it.
/// </summary>
internal sealed class BlockSnapshotGraph(QmpClient qmp)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5), Look = TimeSpan.FromMilliseconds(20);

    /// <param name="id">The block snapshot's id.</param>
    /// <param name="disks">Its disks' nodes.</param>
    public async Task RemoveAsync(string id, IReadOnlyList<BlockSnapshotNodes> disks)
    {
        IReadOnlyList<QmpBlockNode> nodes = await NodesAsync();
        HashSet<string> there = [.. nodes.Select(node => node.NodeName)];
        // The making of an image may have been under way; a job that copies goes after its readers.
        await CloseViewsAsync(
            [.. disks.SelectMany(disk => (string[])[disk.View, disk.Access, disk.Image]).Where(there.Contains)],
            [.. disks.SelectMany(disk => (string[])[disk.View, disk.Access]).Where(there.Contains)]);
        await new QmpJobs(qmp).ReconcileAsync($"{BlockSnapshotNodes.Prefix}{id}-", CancellationToken.None);
        foreach (BlockSnapshotNodes disk in disks)
        {
            if (there.Contains(disk.Filter))
                await TakeOutAsync(disk);
            else
                await CloseAsync(disk.Remains, there);
        }

        await CloseAsync([BlockSnapshotNodes.Hold(id)], there);
        string bitmap = BlockSnapshotNodes.Bitmap(id);
        foreach (QmpBlockNode node in nodes.Where(node => node.DirtyBitmaps.Any(one => one.Name == bitmap)))
            await qmp.BitmapRemoveAsync(node.NodeName, bitmap, CancellationToken.None);
    }

    // Somebody who looks whether a view is whole exports it for a moment, without the domain's lock.
    private async Task CloseViewsAsync(string[] views, string[] closed)
    {
        for (long start = Environment.TickCount64; ; await Task.Delay(Look))
        {
            try
            {
                foreach (QmpBlockExport export in await qmp.QueryBlockExportsAsync(CancellationToken.None))
                    if (views.Contains(export.NodeName, StringComparer.Ordinal))
                        await DeleteAsync(export.Id);
                foreach (string view in closed)
                    await qmp.BlockdevDelAsync(view, CancellationToken.None);
                return;
            }
            catch (MomentException used) when (IsUse(used) && Environment.TickCount64 - start < Patience.TotalMilliseconds)
            {
                HashSet<string> there = [.. (await NodesAsync()).Select(node => node.NodeName)];
                closed = [.. closed.Where(there.Contains)];
            }
        }
    }

    private async Task DeleteAsync(string export)
    {
        try
        {
            await qmp.BlockExportDelAsync(export, hard: true, CancellationToken.None);
        }
        catch (MomentException refused) when (refused.ErrorId == QmpErrors.QmpCommandFailed)
        {
            // Whoever made it has deleted it meanwhile, or is about to: the view's end tells.
        }
    }

    private async Task TakeOutAsync(BlockSnapshotNodes disk)
    {
        IReadOnlyList<QmpGraphEdge> graph = await qmp.QueryBlockGraphAsync(CancellationToken.None);
        string? device = (await qmp.QueryBlockAsync(CancellationToken.None)).FirstOrDefault(one => one.Inserted?.NodeName == disk.Filter)?.QomPath;
        if (device is null && graph.Any(edge => edge.Child == disk.Filter))
        {
            await DrainAsync(disk, graph);
            return;
        }

        // One after the other: each wants to be the only one that its node writes for.
        for (BlockSnapshotNodes? filter = disk; filter is not null;)
        {
            string below = Below(filter, graph);
            if (device is not null)
                await qmp.ExecuteAsync("qom-set", new JsonObject { ["path"] = device, ["property"] = "drive", ["value"] = below }, CancellationToken.None);
            await CloseAsync(filter.Remains, (await NodesAsync()).Select(node => node.NodeName).ToHashSet(StringComparer.Ordinal));
            filter = device is not null && BlockSnapshotNodes.OfFilter(below) is { } next && next.IsDrained(graph) ? next : null;
        }
    }

    private async Task DrainAsync(BlockSnapshotNodes disk, IReadOnlyList<QmpGraphEdge> graph)
    {
        IReadOnlyList<QmpBlockNode> nodes = await NodesAsync();
        if (!disk.IsDrained(graph))
        {
            JsonObject nothing = disk.NothingOptions(nodes.First(node => node.NodeName == disk.Target).VirtualSize);
            if (nodes.All(node => node.NodeName != (string)nothing["node-name"]!))
                await qmp.BlockdevAddAsync(nothing, CancellationToken.None);
            await qmp.BlockdevReopenAsync([disk.TurnedOptions()], CancellationToken.None);
        }

        if (nodes.Any(node => node.NodeName == disk.Image))
            await qmp.BlockdevDelAsync(disk.Image, CancellationToken.None);
    }

    private async Task CloseAsync(IEnumerable<string> nodes, IReadOnlySet<string> there)
    {
        foreach (string node in nodes.Where(there.Contains))
            await qmp.BlockdevDelAsync(node, CancellationToken.None);
    }

    private static string Below(BlockSnapshotNodes filter, IReadOnlyList<QmpGraphEdge> graph) =>
        graph.First(edge => edge.Parent == filter.Filter && edge.Role == "file").Child;

    // The names are our own: neither a look nor a change of these is cancelled halfway.
    private Task<IReadOnlyList<QmpBlockNode>> NodesAsync() => qmp.QueryNamedBlockNodesAsync(CancellationToken.None);

    private static bool IsUse(MomentException refused) =>
        refused.ErrorId == QmpErrors.QmpCommandFailed && refused.Message.Contains("in use", StringComparison.Ordinal);
}
