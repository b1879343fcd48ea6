using System.Diagnostics;
using System.Text;

namespace MomentTools.Bench;

/// <summary>One virsh that is kept open and fed: what a command costs is then libvirt's call alone.</summary>
internal sealed class LibvirtShell : IDisposable
{
    private const string Prompt = "virsh # ";
    private readonly Process _virsh;
    private bool _ready;

    public LibvirtShell(string uri)
    {
        var start = new ProcessStartInfo("virsh", ["-q", "-c", uri]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        _virsh = Process.Start(start)!;
        _virsh.ErrorDataReceived += (_, line) =>
        {
            if (line.Data?.StartsWith("error:", StringComparison.Ordinal) == true)
                Console.Error.WriteLine(line.Data);
        };
        _virsh.BeginErrorReadLine();
    }

    /// <summary>Does one command and waits for its end, which the next prompt tells.</summary>
    public async Task RunAsync(string command, CancellationToken cancellation)
    {
        if (!_ready)
            await PromptAsync(cancellation);
        _ready = true;
        await _virsh.StandardInput.WriteLineAsync(command.AsMemory(), cancellation);
        await _virsh.StandardInput.FlushAsync(cancellation);
        await PromptAsync(cancellation);
    }

    public void Dispose()
    {
        _virsh.StandardInput.Close();
        _virsh.WaitForExit();
        _virsh.Dispose();
    }

    private async Task PromptAsync(CancellationToken cancellation)
    {
        var told = new StringBuilder();
        char[] buffer = new char[1024];
        while (!told.ToString().EndsWith(Prompt, StringComparison.Ordinal))
        {
            int read = await _virsh.StandardOutput.ReadAsync(buffer, cancellation);
            if (read == 0)
                throw new InvalidOperationException("virsh ended.");
            told.Append(buffer, 0, read);
        }
    }
}
