using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Qmp;

namespace MomentTools.Bench.Benches;

/// <summary>A checkpoint of a running machine, flushed and recorded, beside the bare QMP transaction that is its core.</summary>
internal sealed class CheckpointBesideTransaction(int disks) : IBench
{
    private Machine? _machine;
    private StorageDaemon? _daemon;
    private QmpClient? _client;
    private int _last;

    public string Subject => $"checkpoint of {disks} disk{(disks == 1 ? "" : "s")} of a running machine";

    public string OurWay => "MomentEngine.CreateCheckpointAsync: lock, journal, proof, transaction, flush, sidecar, metadata";

    public string TheirWay => "the transaction alone (two bitmap commands a disk), nothing flushed";

    public int WarmUps => 12;

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-system-x86_64", "qemu-storage-daemon", "qemu-img") is { } missing)
            return missing;
        _machine = await Machine.RegisterAsync(scratch, 1L << 30, 0, disks, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: true, _machine, cancellation);
        List<string> nodes = [];
        for (int disk = 0; disk < disks; disk++)
        {
            string image = Path.Combine(scratch, $"other{disk}.qcow2");
            await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", image, "1G"], cancellation);
            nodes.AddRange(["--blockdev", new JsonObject { ["driver"] = "qcow2", ["node-name"] = $"d{disk}", ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = image } }.ToJsonString()]);
        }

        string socket = Path.Combine(scratch, "s");
        _daemon = await StorageDaemon.StartAsync(socket, nodes, cancellation);
        _client = await QmpClient.ConnectAsync(new UnixQmpAddress(socket), cancellation);
        await TransactAsync(disk => [Action("block-dirty-bitmap-add", Bitmap(disk, 0, persistent: true))], cancellation);
        return null;
    }

    public Task OursAsync(CancellationToken cancellation) =>
        _machine!.Engine.CreateCheckpointAsync(Machine.Name, new CreateCheckpointRequest(), _machine, cancellation);

    public Task TheirsAsync(CancellationToken cancellation)
    {
        int before = _last++;
        return TransactAsync(
            disk => [Action("block-dirty-bitmap-add", Bitmap(disk, _last, persistent: true)), Action("block-dirty-bitmap-disable", Bitmap(disk, before, persistent: false))],
            cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
            await _client.DisposeAsync();
        _daemon?.Dispose();
        if (_machine is not null)
            await _machine.DisposeAsync();
        (_client, _daemon, _machine) = (null, null, null);
    }

    private Task<JsonElement> TransactAsync(Func<int, JsonObject[]> actions, CancellationToken cancellation) =>
        _client!.ExecuteAsync("transaction", new JsonObject { ["actions"] = new JsonArray([.. Enumerable.Range(0, disks).SelectMany(actions)]) }, cancellation);

    private static JsonObject Bitmap(int disk, int number, bool persistent)
    {
        var bitmap = new JsonObject { ["node"] = $"d{disk}", ["name"] = $"b{number}" };
        if (persistent)
            bitmap["persistent"] = true;
        return bitmap;
    }

    private static JsonObject Action(string type, JsonObject data) => new() { ["type"] = type, ["data"] = data };
}
