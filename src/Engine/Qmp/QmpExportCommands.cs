using System.Text.Json;
using System.Text.Json.Nodes;

namespace MomentTools.Qmp;

/// <summary>QEMU's one NBD server and the exports on it.</summary>
internal static class QmpExportCommands
{
    // The event may be lost to an overrun or to a slow start of the deletion; the list is the truth.
    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(1);

    /// <summary>Starts the NBD server on a Unix socket (<c>nbd-server-start</c>); a stale socket file is replaced.</summary>
    /// <param name="tlsCreds">The id of a tls-creds object, or null.</param>
    public static Task NbdServerStartUnixAsync(this QmpClient qmp, string path, string? tlsCreds, CancellationToken cancellation) =>
        qmp.NbdServerStartAsync("unix", new JsonObject { ["path"] = path }, tlsCreds, null, cancellation);

    /// <summary>Starts the NBD server (<c>nbd-server-start</c>).</summary>
    /// <param name="type">QAPI <c>SocketAddressType</c>.</param>
    /// <param name="data">What a socket of this type needs.</param>
    /// <param name="tlsCreds">The id of a tls-creds object, or null.</param>
    /// <param name="maxConnections">How many clients it takes at once; null for QEMU's own limit.</param>
    public static Task NbdServerStartAsync(this QmpClient qmp, string type, JsonObject data, string? tlsCreds, int? maxConnections, CancellationToken cancellation)
    {
        var arguments = new JsonObject { ["addr"] = new JsonObject { ["type"] = type, ["data"] = data } };
        if (tlsCreds is not null)
            arguments["tls-creds"] = tlsCreds;
        if (maxConnections is not null)
            arguments["max-connections"] = maxConnections;
        return qmp.ExecuteAsync("nbd-server-start", arguments, cancellation);
    }

    /// <summary>Stops the NBD server, with all its exports and clients (<c>nbd-server-stop</c>).</summary>
    public static Task NbdServerStopAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("nbd-server-stop", null, cancellation);

    /// <summary>Serves a node on the NBD server (<c>block-export-add</c>).</summary>
    /// <param name="name">The NBD export name.</param>
    /// <param name="bitmaps">Disabled bitmaps to serve as qemu:dirty-bitmap contexts; each is busy until the export is gone.</param>
    public static Task BlockExportAddAsync(
        this QmpClient qmp, string id, string node, string name, IReadOnlyCollection<BitmapRef> bitmaps, bool writable, CancellationToken cancellation)
    {
        var arguments = new JsonObject
        {
            ["type"] = "nbd",
            ["id"] = id,
            ["node-name"] = node,
            ["name"] = name,
            ["writable"] = writable,
        };
        if (bitmaps.Count > 0)
            arguments["bitmaps"] = QmpBitmapCommands.References(bitmaps);
        return qmp.ExecuteAsync("block-export-add", arguments, cancellation);
    }

    /// <summary>Deletes an export and waits until it is gone, so that its node can be closed (<c>block-export-del</c>).</summary>
    /// <param name="hard">Whether connected clients are cut off; otherwise they make QEMU refuse.</param>
    public static async Task BlockExportDelAsync(this QmpClient qmp, string id, bool hard, CancellationToken cancellation)
    {
        using QmpEvents deleted = qmp.Subscribe("BLOCK_EXPORT_DELETED");
        await qmp.ExecuteAsync("block-export-del", new JsonObject { ["id"] = id, ["mode"] = hard ? "hard" : "safe" }, cancellation);
        while (!await HearAsync(deleted, id, cancellation))
        {
            if ((await qmp.QueryBlockExportsAsync(cancellation)).All(export => export.Id != id))
                return;
        }
    }

    /// <summary>Lists the exports (<c>query-block-exports</c>).</summary>
    public static async Task<IReadOnlyList<QmpBlockExport>> QueryBlockExportsAsync(this QmpClient qmp, CancellationToken cancellation)
    {
        JsonElement reply = await qmp.ExecuteAsync("query-block-exports", null, cancellation);
        return new QmpValue("query-block-exports", reply).List(QmpBlockExport.Read);
    }

    private static async Task<bool> HearAsync(QmpEvents deleted, string id, CancellationToken cancellation)
    {
        using var period = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        period.CancelAfter(LookPeriod);
        try
        {
            while (!(await deleted.NextAsync(period.Token)).Says("id", id))
            {
            }

            return true;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
