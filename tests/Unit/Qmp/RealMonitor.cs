using System.Diagnostics;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Qmp;

/// <summary>A real QEMU or storage daemon with a QMP socket in a directory of its own.</summary>
internal sealed class RealMonitor : IDisposable
{
    private RealMonitor(string program, Func<string, string[]> arguments)
    {
        Tool.Require(program);
        Address = new UnixQmpAddress(Scratch["qmp"]);
        var start = new ProcessStartInfo(program, arguments(Scratch["qmp"])) { UseShellExecute = false, RedirectStandardError = true };
        Process = Process.Start(start)!;
    }

    public ScratchDirectory Scratch { get; } = new();

    public UnixQmpAddress Address { get; }

    public Process Process { get; }

    public static RealMonitor StorageDaemon() =>
        new("qemu-storage-daemon", socket => ["--chardev", $"socket,id=m,path={socket},server=on,wait=off", "--monitor", "chardev=m"]);

    public static RealMonitor Machine() => new(
        "qemu-system-x86_64",
        socket =>
        [
            "-nodefaults", "-display", "none", "-machine", "q35", "-accel", "tcg", "-m", "64", "-S", "-qmp", $"unix:{socket},server=on,wait=off",
            "-blockdev", """{"driver":"null-co","node-name":"d0","size":67108864}""", "-device", "virtio-blk-pci,drive=d0,id=vd0",
        ]);

    /// <summary>Connects, as soon as the process listens.</summary>
    public async Task<QmpClient> ConnectAsync(QmpOptions? options = null)
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return await QmpClient.ConnectAsync(Address, CancellationToken.None, options);
            }
            catch (MomentException early) when (early.ErrorId == QmpErrors.QmpMonitorUnreachable && patience.Elapsed < TimeSpan.FromMinutes(1))
            {
                Assert.False(Process.HasExited, "it ended at once");
                await Task.Delay(10);
            }
        }
    }

    /// <summary>Creates a qcow2 image through QMP and opens it as a node.</summary>
    public async Task AddImageAsync(QmpJobs jobs, string node, long size)
    {
        string path = Scratch[node + ".qcow2"];
        await jobs.BlockdevCreateAsync("mt-mk", new JsonObject { ["driver"] = "file", ["filename"] = path, ["size"] = 0 }, CancellationToken.None);
        await jobs.Client.BlockdevAddAsync(
            new JsonObject { ["driver"] = "file", ["filename"] = path, ["node-name"] = node + "-f" }, CancellationToken.None);
        await jobs.BlockdevCreateAsync("mt-mk", new JsonObject { ["driver"] = "qcow2", ["file"] = node + "-f", ["size"] = size }, CancellationToken.None);
        await jobs.Client.BlockdevAddAsync(new JsonObject { ["driver"] = "qcow2", ["file"] = node + "-f", ["node-name"] = node }, CancellationToken.None);
    }

    public void Dispose()
    {
        if (!Process.HasExited)
            Process.Kill();
        Process.WaitForExit();
        Process.Dispose();
        Scratch.Dispose();
    }
}
