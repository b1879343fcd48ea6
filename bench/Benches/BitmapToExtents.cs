using System.Diagnostics;
using System.Globalization;
using MomentTools.Blocks;
using MomentTools.Nbd;
using MomentTools.Qcow2;

namespace MomentTools.Bench.Benches;

/// <summary>A bitmap with 100,000 runs of dirty blocks: read from the image, or asked for over NBD, beside libnbd's nbdinfo asking qemu-nbd.</summary>
internal sealed class BitmapToExtents(bool overNbd) : IBench
{
    private const int Runs = 100_000;
    private const int Block = 64 << 10;
    private const string Bitmap = "b";

    private string _image = "";
    private string _socket = "";
    private Process? _server;

    public string Subject => $"bitmap to {Runs.ToString("N0", CultureInfo.InvariantCulture)} extents{(overNbd ? " over NBD" : "")}";

    public string OurWay => overNbd ? "NbdClient: connect, ReadDirtyBitmapAsync" : "open the image, Qcow2Image.ReadBitmapAsync";

    public string TheirWay => "nbdinfo --map=qemu:dirty-bitmap, qemu-nbd already running";

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-img", "qemu-io", "qemu-nbd", "nbdinfo") is { } missing)
            return missing;
        _image = Path.Combine(scratch, "a.qcow2");
        _socket = Path.Combine(scratch, "s");
        await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", _image, $"{2L * Runs * Block}"], cancellation);
        await Tool.RunAsync("qemu-img", ["bitmap", "--add", "-g", $"{Block}", "-f", "qcow2", _image, Bitmap], cancellation);
        await WriteEverySecondBlockAsync(cancellation);
        _server = Process.Start(new ProcessStartInfo(
            "qemu-nbd", ["-r", "-t", "-e", "4", "-f", "qcow2", "-B", Bitmap, "-k", _socket, _image]) { UseShellExecute = false })!;
        for (int tries = 0; !File.Exists(_socket); tries++)
        {
            if (tries == 500 || _server.HasExited)
                return "qemu-nbd did not come up";
            await Task.Delay(10, cancellation);
        }

        return await CountAsync(cancellation) is var count && count == Runs ? null : $"the bitmap has {count} extents";
    }

    public Task OursAsync(CancellationToken cancellation) => CountAsync(cancellation);

    public Task TheirsAsync(CancellationToken cancellation) =>
        Tool.RunAsync("nbdinfo", [$"--map=qemu:dirty-bitmap:{Bitmap}", $"nbd+unix:///?socket={_socket}"], cancellation);

    public ValueTask DisposeAsync()
    {
        if (_server is { HasExited: false })
            _server.Kill();
        _server?.WaitForExit();
        _server?.Dispose();
        _server = null;
        return ValueTask.CompletedTask;
    }

    private async Task<int> CountAsync(CancellationToken cancellation)
    {
        if (overNbd)
        {
            const string context = NbdContext.DirtyBitmapPrefix + Bitmap;
            await using NbdClient client = await NbdClient.ConnectAsync(new UnixNbdAddress(_socket), "", [context], cancellation);
            return (await client.ReadDirtyBitmapAsync(context, cancellation)).Count;
        }

        await using Qcow2Image image = await Qcow2Image.OpenAsync(_image, cancellation);
        Qcow2Bitmap bitmap = (await image.BitmapsAsync(cancellation)).Single();
        ExtentMap map = await image.ReadBitmapAsync(bitmap, cancellation);
        return map.Count;
    }

    // Zeroes mark the bitmap and take no room.
    private async Task WriteEverySecondBlockAsync(CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("qemu-io", ["-f", "qcow2", _image]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process writer = Process.Start(start)!;
        Task drain = writer.StandardOutput.BaseStream.CopyToAsync(Stream.Null, cancellation);
        for (long run = 0; run < Runs; run++)
            await writer.StandardInput.WriteLineAsync($"discard {run * 2 * Block} {Block}".AsMemory(), cancellation);
        writer.StandardInput.Close();
        await drain;
        await writer.WaitForExitAsync(cancellation);
    }
}
