using System.Globalization;
using System.Text.Json.Nodes;
using MomentTools.Qmp;

namespace MomentTools.Bench.Benches;

/// <summary>How long the guest stands still for a block snapshot of all disks, beside the bare commands of QMP that it cannot do without.</summary>
internal sealed class BlockSnapshotPause(int disks) : IBench
{
    private Machine? _machine;
    private GuestPause? _pause;
    private string _scratch = "";
    private int _round;

    public string Subject => $"guest stopped by a block snapshot of {disks} disk{(disks == 1 ? "" : "s")}";

    public string OurWay => "MomentEngine.CreateBlockSnapshotAsync with what changed until then: STOP to RESUME";

    public string TheirWay => "bare QMP, a command after the other: stop, transaction (two bitmap commands a disk), filter and qom-set a disk, cont";

    public int WarmUps => 5;

    public int Rounds => 15;

    public TimeSpan? Told { get; private set; }

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-system-x86_64", "qemu-img") is { } missing)
            return missing;
        _scratch = scratch;
        _machine = await Machine.RegisterAsync(scratch, 1L << 30, 0, disks, cancellation);
        await _machine.Engine.StartDomainAsync(Machine.Name, paused: false, _machine, cancellation);
        await _machine.Engine.CreateCheckpointAsync(Machine.Name, new CreateCheckpointRequest { Name = "base" }, _machine, cancellation);
        _pause = await GuestPause.WatchAsync(_machine.Monitor, cancellation);
        return null;
    }

    public async Task BeforeRoundAsync(CancellationToken cancellation)
    {
        _round++;
        await _pause!.TakeAsync(cancellation);
    }

    public async Task OursAsync(CancellationToken cancellation)
    {
        string name = $"b{_round}";
        await _machine!.Engine.CreateBlockSnapshotAsync(Machine.Name, new CreateBlockSnapshotRequest { Name = name }, _machine, cancellation);
        Told = await _pause!.TakeAsync(cancellation);
        await _machine.Engine.RemoveBlockSnapshotAsync(Machine.Name, name, _machine, cancellation);
    }

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        await using QmpClient qmp = await QmpClient.ConnectAsync(_machine!.MainMonitor, cancellation);
        (string Device, string Node)[] there = [.. (await qmp.QueryBlockAsync(cancellation)).Where(device => device is { QomPath: not null, Inserted: not null }).Select(device => (device.QomPath!, device.Inserted!.NodeName))];
        for (int disk = 0; disk < there.Length; disk++)
        {
            string path = Path.Combine(_scratch, string.Create(CultureInfo.InvariantCulture, $"bare{_round}-{disk}.qcow2"));
            await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", path, "1G"], cancellation);
            await qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "qcow2", ["node-name"] = $"s{disk}", ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = path } }, cancellation);
        }

        await qmp.StopAsync(cancellation);
        await qmp.TransactionAsync(
            there.SelectMany(disk => new[] { TransactionAction.BitmapAdd(disk.Node, "bare", disabled: true), TransactionAction.BitmapMerge(disk.Node, "bare", [new BitmapRef(disk.Node, "base")]) }),
            cancellation);
        for (int disk = 0; disk < there.Length; disk++)
        {
            await qmp.BlockdevAddAsync(new JsonObject { ["driver"] = "copy-before-write", ["node-name"] = $"f{disk}", ["file"] = there[disk].Node, ["target"] = $"s{disk}", ["on-cbw-error"] = "break-snapshot" }, cancellation);
            await SetAsync(qmp, there[disk].Device, $"f{disk}", cancellation);
        }

        await qmp.ContAsync(cancellation);
        Told = await _pause!.TakeAsync(cancellation);
        for (int disk = 0; disk < there.Length; disk++)
        {
            await SetAsync(qmp, there[disk].Device, there[disk].Node, cancellation);
            await qmp.BlockdevDelAsync($"f{disk}", cancellation);
            await qmp.BlockdevDelAsync($"s{disk}", cancellation);
            await qmp.BitmapRemoveAsync(there[disk].Node, "bare", cancellation);
            File.Delete(Path.Combine(_scratch, string.Create(CultureInfo.InvariantCulture, $"bare{_round}-{disk}.qcow2")));
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_pause is not null)
            await _pause.DisposeAsync();
        if (_machine is not null)
            await _machine.DisposeAsync();
        (_pause, _machine) = (null, null);
    }

    private static Task<System.Text.Json.JsonElement> SetAsync(QmpClient qmp, string device, string node, CancellationToken cancellation) =>
        qmp.ExecuteAsync("qom-set", new JsonObject { ["path"] = device, ["property"] = "drive", ["value"] = node }, cancellation);
}
