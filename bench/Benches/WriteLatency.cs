using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace MomentTools.Bench.Benches;

/// <summary>
/// What a guest's writes wait for while a block snapshot of its disk is read slowly, as a percentile of single writes of 4 KiB: beside the
/// same filter that nobody reads, or beside the bare disk. What is written is new each time, so that each write is copied before.
/// </summary>
/// <param name="percentile">Which percentile.</param>
/// <param name="bare">Whether to hold it against the bare disk, which copies nothing.</param>
internal sealed class WriteLatency(int percentile, bool bare) : IBench
{
    private const long Size = 512 << 20;
    private const int Writes = 1000;
    private const int Unit = 64 << 10;

    // 16 MiB a second.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(16);

    private string _scratch = "";
    private int _round;
    private TimeSpan? _told;

    public string Subject => string.Create(CultureInfo.InvariantCulture, $"a write of 4 KiB, {percentile} % are faster");

    public string OurWay => "under a block snapshot that is read slowly";

    public string TheirWay => bare ? "on the bare disk" : "under the same filter, unread";

    public int Rounds => 5;

    public TimeSpan? Told => _told;

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        _scratch = scratch;
        if (Tool.Missing("qemu-storage-daemon", "qemu-img", "qemu-io") is { } missing)
            return missing;
        string filled = Path.Combine(scratch, "filled");
        await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", filled, Size.ToString(CultureInfo.InvariantCulture)], cancellation);
        await Tool.RunAsync("qemu-io", ["-f", "qcow2", "-c", string.Create(CultureInfo.InvariantCulture, $"write -q -P 7 0 {Size}"), filled], cancellation);
        return null;
    }

    public Task OursAsync(CancellationToken cancellation) => MeasureAsync(filtered: true, read: true, cancellation);

    public Task TheirsAsync(CancellationToken cancellation) => MeasureAsync(filtered: !bare, read: false, cancellation);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task MeasureAsync(bool filtered, bool read, CancellationToken cancellation)
    {
        string place = Directory.CreateDirectory(Path.Combine(_scratch, (_round++).ToString(CultureInfo.InvariantCulture))).FullName, socket = Path.Combine(place, "q"), nbd = Path.Combine(place, "n");
        string disk = Path.Combine(place, "disk"), kept = Path.Combine(place, "scratch"), view = Path.Combine(place, "view");
        File.Copy(Path.Combine(_scratch, "filled"), disk);
        foreach ((string path, string cluster) in ((string, string)[])[(kept, "64k"), (view, "1k")])
            await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "cluster_size=" + cluster, path, Size.ToString(CultureInfo.InvariantCulture)], cancellation);
        List<string> options = ["--blockdev", Json(new JsonObject { ["driver"] = "qcow2", ["node-name"] = "d", ["file"] = Open(disk) })];
        if (filtered)
        {
            options.AddRange(
            [
                "--blockdev", Json(new JsonObject { ["driver"] = "qcow2", ["node-name"] = "t", ["file"] = Open(kept) }),
                "--blockdev", Json(new JsonObject { ["driver"] = "copy-before-write", ["node-name"] = "c", ["file"] = "d", ["target"] = "t", ["on-cbw-error"] = "break-snapshot" }),
                "--blockdev", Json(new JsonObject { ["driver"] = "snapshot-access", ["node-name"] = "s", ["file"] = "c" }),
                "--blockdev", Json(new JsonObject { ["driver"] = "qcow2", ["node-name"] = "v", ["read-only"] = true, ["l2-cache-entry-size"] = 512, ["file"] = Open(view), ["backing"] = "s" }),
            ]);
        }

        options.AddRange(["--nbd-server", $"addr.type=unix,addr.path={nbd}", "--export", $"type=nbd,id=w,node-name={(filtered ? "c" : "d")},name=disk,writable=on"]);
        if (filtered)
            options.AddRange(["--export", "type=nbd,id=r,node-name=v,name=view"]);
        using (StorageDaemon daemon = await StorageDaemon.StartAsync(socket, options, cancellation))
        {
            using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            Task reader = read ? ReadSlowlyAsync(nbd, done.Token) : Task.CompletedTask;
            _told = await WriteAsync(nbd, cancellation);
            await done.CancelAsync();
            await reader;
        }

        Directory.Delete(place, recursive: true);
    }

    // Each in a unit of its own, in an order that is the same for both.
    private async Task<TimeSpan> WriteAsync(string socket, CancellationToken cancellation)
    {
        using NbdWriter writer = await NbdWriter.ConnectAsync(socket, "disk", cancellation);
        int[] units = [.. Enumerable.Range(0, (int)(Size / Unit))];
        new Random(1).Shuffle(units);
        var took = new TimeSpan[Writes];
        for (int i = 0; i < Writes; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await writer.WriteAtAsync(units[i] * (long)Unit, cancellation);
            took[i] = Stopwatch.GetElapsedTime(start);
        }

        Array.Sort(took);
        return took[Math.Min(Writes - 1, Writes * percentile / 100)];
    }

    private static async Task ReadSlowlyAsync(string socket, CancellationToken cancellation)
    {
        try
        {
            using NbdWriter reader = await NbdWriter.ConnectAsync(socket, "view", cancellation);
            byte[] buffer = new byte[256 << 10];
            for (long at = 0; ; at = (at + buffer.Length) % Size)
            {
                await reader.ReadAtAsync(at, buffer, cancellation);
                await Task.Delay(Pause, cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            // The writes are done.
        }
    }

    private static JsonObject Open(string path) => new() { ["driver"] = "file", ["filename"] = path };

    private static string Json(JsonObject options) => options.ToJsonString();
}
