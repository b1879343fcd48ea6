using System.Text.Json.Nodes;
using MomentTools.Qmp;

namespace MomentTools.Bench.Benches;

/// <summary>
/// What checkpoints cost the guest's writes: a storage daemon with as many bitmaps as there are checkpoints, of which the newest records,
/// beside one with fewer, or beside libvirt's scheme, in which all record.
/// </summary>
/// <param name="checkpoints">How many there are on our side.</param>
/// <param name="others">How many on the other.</param>
/// <param name="allRecord">Whether all those of the other side record.</param>
internal sealed class WritesUnderCheckpoints(int checkpoints, int others, bool allRecord) : IBench
{
    private const long Size = 64L << 20;
    private const int Writes = 20_000;
    private const int Batch = 100;

    private readonly List<StorageDaemon> _daemons = [];
    private readonly List<NbdWriter> _writers = [];
    private int _round;

    public string Subject => $"{Writes} random writes of 4 KiB with {Text(checkpoints)}";

    public string OurWay => "NBD, a queue of 16: the newest bitmap records, the others are closed";

    public string TheirWay => allRecord ? $"the same with {Text(others)} as libvirt keeps them: every bitmap records" : $"the same with {Text(others)}";

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-storage-daemon", "qemu-img", "qemu-io") is { } missing)
            return missing;
        _writers.Add(await OpenAsync(Path.Combine(scratch, "o"), checkpoints, allRecord: false, cancellation));
        _writers.Add(await OpenAsync(Path.Combine(scratch, "t"), others, allRecord, cancellation));
        return null;
    }

    public Task BeforeRoundAsync(CancellationToken cancellation)
    {
        _round++;
        return Task.CompletedTask;
    }

    public Task OursAsync(CancellationToken cancellation) => _writers[0].WriteAsync(Writes, Size, _round, cancellation);

    public Task TheirsAsync(CancellationToken cancellation) => _writers[1].WriteAsync(Writes, Size, _round, cancellation);

    public ValueTask DisposeAsync()
    {
        _writers.ForEach(writer => writer.Dispose());
        _daemons.ForEach(daemon => daemon.Dispose());
        _writers.Clear();
        _daemons.Clear();
        return ValueTask.CompletedTask;
    }

    private static string Text(int checkpoints) => checkpoints == 1 ? "1 checkpoint" : $"{checkpoints} checkpoints";

    private async Task<NbdWriter> OpenAsync(string directory, int count, bool allRecord, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        string image = Path.Combine(directory, "d"), monitor = Path.Combine(directory, "m"), server = Path.Combine(directory, "n");
        await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", image, $"{Size}"], cancellation);
        // What is allocated already is written in place: the bitmaps are then what differs.
        await Tool.RunAsync("qemu-io", ["-f", "qcow2", "-c", $"write -P 1 0 {Size}", image], cancellation);
        var node = new JsonObject { ["driver"] = "qcow2", ["node-name"] = "d0", ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = image } };
        _daemons.Add(await StorageDaemon.StartAsync(
            monitor, ["--blockdev", node.ToJsonString(), "--nbd-server", $"addr.type=unix,addr.path={server}", "--export", "nbd,id=e,node-name=d0,name=e,writable=on"], cancellation));
        await using QmpClient client = await QmpClient.ConnectAsync(new UnixQmpAddress(monitor), cancellation);
        foreach (int[] some in Enumerable.Range(0, count).Chunk(Batch))
            await client.TransactionAsync(
                some.Select(number => TransactionAction.BitmapAdd("d0", $"c{number}", persistent: true, 65536, disabled: !allRecord && number < count - 1)), cancellation);
        return await NbdWriter.ConnectAsync(server, "e", cancellation);
    }
}
