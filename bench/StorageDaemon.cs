using System.Diagnostics;

namespace MomentTools.Bench;

/// <summary>A qemu-storage-daemon with a QMP socket, and its arguments for more.</summary>
internal sealed class StorageDaemon : IDisposable
{
    private readonly Process _process;

    private StorageDaemon(Process process) => _process = process;

    public static async Task<StorageDaemon> StartAsync(string socket, IEnumerable<string> more, CancellationToken cancellation)
    {
        string[] arguments = ["--chardev", $"socket,id=m,path={socket},server=on,wait=off", "--monitor", "chardev=m", .. more];
        var daemon = new StorageDaemon(Process.Start(new ProcessStartInfo("qemu-storage-daemon", arguments) { UseShellExecute = false })!);
        for (int tries = 0; !File.Exists(socket); tries++)
        {
            if (tries == 500 || daemon._process.HasExited)
                throw new InvalidOperationException("qemu-storage-daemon did not come up.");
            await Task.Delay(10, cancellation);
        }

        return daemon;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
