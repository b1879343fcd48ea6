using System.Text.Json.Nodes;
using MomentTools.Qmp;

namespace MomentTools.Bench.Benches;

/// <summary>A checkpoint of a running machine, flushed and recorded, beside the bare QMP transaction that is its core.</summary>
internal sealed class CheckpointTaken : IBench
{
    private Machine? _machine;
    private StorageDaemon? _daemon;
    private QmpClient? _client;
    private int _last;

    public string Subject => "checkpoint of a running machine";

    public string OurWay => "MomentEngine.CreateCheckpointAsync: lock, journal, proof, transaction, sidecar, flush";

    public string TheirWay => "the transaction of two bitmap commands alone, nothing flushed";

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-system-x86_64", "qemu-storage-daemon", "qemu-img") is { } missing)
            return missing;
        _machine = await Machine.RegisterAsync(scratch, 1L << 30, 1 << 20, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: true, _machine, cancellation);
        string image = Path.Combine(scratch, "other.qcow2"), socket = Path.Combine(scratch, "s");
        await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", image, "1G"], cancellation);
        string node = new JsonObject { ["driver"] = "qcow2", ["node-name"] = "d", ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = image } }.ToJsonString();
        _daemon = await StorageDaemon.StartAsync(socket, ["--blockdev", node], cancellation);
        _client = await QmpClient.ConnectAsync(new UnixQmpAddress(socket), cancellation);
        await _client.ExecuteAsync("block-dirty-bitmap-add", new JsonObject { ["node"] = "d", ["name"] = "b0", ["persistent"] = true }, cancellation);
        return null;
    }

    public Task OursAsync(CancellationToken cancellation) =>
        _machine!.Engine.CreateCheckpointAsync(Machine.Name, new CreateCheckpointRequest(), _machine, cancellation);

    public Task TheirsAsync(CancellationToken cancellation)
    {
        string before = $"b{_last}", next = $"b{++_last}";
        var actions = new JsonArray(
            Action("block-dirty-bitmap-add", new JsonObject { ["node"] = "d", ["name"] = next, ["persistent"] = true }),
            Action("block-dirty-bitmap-disable", new JsonObject { ["node"] = "d", ["name"] = before }));
        return _client!.ExecuteAsync("transaction", new JsonObject { ["actions"] = actions }, cancellation);
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

    private static JsonObject Action(string type, JsonObject data) => new() { ["type"] = type, ["data"] = data };
}
