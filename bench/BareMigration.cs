using System.Net.Sockets;
using System.Text.Json.Nodes;
using MomentTools.Qmp;

namespace MomentTools.Bench;

/// <summary>The least that saving a running machine's memory can be: QEMU migrates into a socket, whose stream goes to a file, and runs on.</summary>
internal static class BareMigration
{
    public static async Task RunAsync(QmpAddress monitor, string socket, string target, CancellationToken cancellation)
    {
        File.Delete(socket);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(socket));
        listener.Listen(1);
        await using QmpClient qmp = await QmpClient.ConnectAsync(monitor, cancellation);
        await qmp.ExecuteAsync("migrate-set-capabilities", new JsonObject
        {
            ["capabilities"] = new JsonArray(Capability("events", true), Capability("pause-before-switchover", false)),
        }, cancellation);
        await qmp.ExecuteAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = 1L << 40 }, cancellation);
        using QmpEvents events = qmp.Subscribe("MIGRATION");
        Task copying = CopyAsync(listener, target, cancellation);
        await qmp.ExecuteAsync("migrate", new JsonObject { ["uri"] = "unix:" + socket }, cancellation);
        while (!(await events.NextAsync(cancellation)).Says("status", "completed"))
        {
        }

        // QEMU tells the end a moment before it may go on: by the end of the stream it is there.
        await copying;
        await qmp.ContAsync(cancellation);
    }

    private static JsonObject Capability(string name, bool on) => new() { ["capability"] = name, ["state"] = on };

    private static async Task CopyAsync(Socket listener, string target, CancellationToken cancellation)
    {
        using Socket from = await listener.AcceptAsync(cancellation);
        await using var stream = new NetworkStream(from);
        await using FileStream file = File.Create(target);
        await stream.CopyToAsync(file, 1 << 20, cancellation);
    }
}
