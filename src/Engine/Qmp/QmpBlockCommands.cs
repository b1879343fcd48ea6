using System.Text.Json;
using System.Text.Json.Nodes;

namespace MomentTools.Qmp;

/// <summary>Devices and nodes of the block layer.</summary>
internal static class QmpBlockCommands
{
    /// <summary>Lists the guest's disks (<c>query-block</c>); the storage daemon has none.</summary>
    public static async Task<IReadOnlyList<QmpBlockDevice>> QueryBlockAsync(this QmpClient qmp, CancellationToken cancellation)
    {
        JsonElement reply = await qmp.ExecuteAsync("query-block", null, cancellation);
        return new QmpValue("query-block", reply).List(QmpBlockDevice.Read);
    }

    /// <summary>Lists all nodes, flat: with the backing images of each inside it the reply grows with the square of the chain.</summary>
    public static async Task<IReadOnlyList<QmpBlockNode>> QueryNamedBlockNodesAsync(this QmpClient qmp, CancellationToken cancellation)
    {
        JsonElement reply = await qmp.ExecuteAsync("query-named-block-nodes", new JsonObject { ["flat"] = true }, cancellation);
        return new QmpValue("query-named-block-nodes", reply).List(QmpBlockNode.Read);
    }

    /// <summary>Opens a node (<c>blockdev-add</c>). Paths must be absolute: a daemon's directory is the root.</summary>
    public static Task BlockdevAddAsync(this QmpClient qmp, JsonObject options, CancellationToken cancellation) =>
        qmp.ExecuteAsync("blockdev-add", options, cancellation);

    /// <summary>Closes a node, storing its persistent bitmaps (<c>blockdev-del</c>).</summary>
    public static Task BlockdevDelAsync(this QmpClient qmp, string nodeName, CancellationToken cancellation) =>
        qmp.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = nodeName }, cancellation);

    /// <summary>Gives open nodes new options; each set must be complete (<c>blockdev-reopen</c>).</summary>
    public static Task BlockdevReopenAsync(this QmpClient qmp, IEnumerable<JsonObject> options, CancellationToken cancellation) =>
        qmp.ExecuteAsync("blockdev-reopen", new JsonObject { ["options"] = new JsonArray([.. options.Select(one => one.DeepClone())]) }, cancellation);

    /// <summary>Creates an image (<c>blockdev-create</c>) and waits until that is done.</summary>
    /// <param name="options">QAPI <c>BlockdevCreateOptions</c>.</param>
    public static Task BlockdevCreateAsync(this QmpJobs jobs, string jobId, JsonObject options, CancellationToken cancellation) =>
        jobs.RunAsync(
            jobId,
            token => jobs.Client.ExecuteAsync("blockdev-create", new JsonObject { ["job-id"] = jobId, ["options"] = options.DeepClone() }, token),
            null, cancellation);

    /// <summary>Sets the virtual size of a node, in bytes (<c>block_resize</c>).</summary>
    public static Task BlockResizeAsync(this QmpClient qmp, string nodeName, long size, CancellationToken cancellation) =>
        qmp.ExecuteAsync("block_resize", new JsonObject { ["node-name"] = nodeName, ["size"] = size }, cancellation);
}
