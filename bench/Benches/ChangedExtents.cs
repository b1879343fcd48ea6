using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using MomentTools.Machines.Serving;

namespace MomentTools.Bench.Benches;

/// <summary>Many runs that were written since a checkpoint: told by the engine, beside libnbd's nbdinfo asking QEMU for the same bitmap.</summary>
/// <param name="runs">How many.</param>
/// <param name="size">The disk's size in bytes.</param>
/// <param name="running">Whether the machine runs; if not, nbdinfo needs a qemu-nbd first.</param>
/// <param name="sum">Only how many bytes, in place of the runs with their kinds.</param>
internal sealed class ChangedExtents(int runs, long size, bool running, bool sum) : IBench
{
    private const string Copy = "theirs";

    private Machine? _machine;
    private string _socket = "";
    private string _scratch = "";

    public string Subject => string.Create(CultureInfo.InvariantCulture, $"changed blocks, {runs:N0} runs on {size >> 30} GiB, {(running ? "running" : "stopped")} machine, {(sum ? "their sum" : "each with its kind")}");

    public string OurWay => sum ? "MomentEngine.MeasureChangedBlocksAsync" : "MomentEngine.GetChangedBlocksAsync, each looked at";

    public string TheirWay => running ? "nbdinfo --map=qemu:dirty-bitmap of a private copy, exported already" : "qemu-nbd, then nbdinfo --map=qemu:dirty-bitmap";

    public int WarmUps => 8;

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-img", "qemu-io", "qemu-nbd", "nbdinfo", "qemu-system-x86_64", "qemu-storage-daemon") is { } missing)
            return missing;
        _scratch = scratch;
        _machine = await DirtyMachine.RegisterAsync(scratch, runs, size, cancellation);
        if (running)
            await ExportAsync(_machine, cancellation);
        (int count, long bytes) = await DirtyMachine.AskAsync(_machine, sum, cancellation);
        return (count, bytes) == (runs, (long)runs * DirtyMachine.Block) ? null : $"{count} runs of {bytes} bytes were found";
    }

    public Task OursAsync(CancellationToken cancellation) => DirtyMachine.AskAsync(_machine!, sum, cancellation);

    public async Task TheirsAsync(CancellationToken cancellation)
    {
        if (running)
        {
            await MapAsync(_socket, Copy, cancellation);
            return;
        }

        _socket = Path.Combine(_scratch, "s");
        using Process server = Process.Start(new ProcessStartInfo(
            "qemu-nbd", ["-r", "-f", "qcow2", "-B", DirtyMachine.Checkpoint, "-k", _socket, _machine!.Disk]) { UseShellExecute = false })!;
        while (!File.Exists(_socket))
            await Task.Delay(1, cancellation);
        // It ends with its only client.
        await MapAsync(_socket, DirtyMachine.Checkpoint, cancellation, export: "");
        await server.WaitForExitAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
    }

    // On a socket where the engine finds it too: QEMU has one NBD server.
    private async Task ExportAsync(Machine machine, CancellationToken cancellation)
    {
        await machine.Engine.StartDomainAsync(Machine.Name, paused: true, machine, cancellation);
        _socket = Path.Combine(machine.RuntimeDirectory, PrivateServer.SocketPrefix + Copy);
        string node = (await machine.Engine.GetDomainAsync(Machine.Name, machine, cancellation)).Disks[0].Name;
        await DoAsync("block-dirty-bitmap-add", new { node = "mt-" + node, name = Copy, granularity = DirtyMachine.Block, disabled = true });
        await DoAsync("block-dirty-bitmap-merge", new { node = "mt-" + node, target = Copy, bitmaps = new[] { DirtyMachine.Checkpoint } });
        await DoAsync("nbd-server-start", new { addr = new { type = "unix", data = new { path = _socket } } });
        await DoAsync("block-export-add", new Dictionary<string, object> { ["type"] = "nbd", ["id"] = Copy, ["node-name"] = "mt-" + node, ["name"] = Copy, ["bitmaps"] = new[] { Copy } });

        Task DoAsync(string command, object arguments) => machine.Engine.InvokeQmpAsync(Machine.Name, command, JsonSerializer.Serialize(arguments), cancellation);
    }

    private static Task<string> MapAsync(string socket, string bitmap, CancellationToken cancellation, string? export = null) =>
        Tool.RunAsync("nbdinfo", [$"--map=qemu:dirty-bitmap:{bitmap}", $"nbd+unix:///{export ?? bitmap}?socket={socket}"], cancellation);
}
