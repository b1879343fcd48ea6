using System.Diagnostics;

namespace MomentTools.Tour;

/// <summary>QEMU's own tools: they make the disks, and they are the judge at the end.</summary>
internal static class Tool
{
    public static async Task RunAsync(string name, IEnumerable<string> arguments, CancellationToken cancellation)
    {
        (int exit, string output) = await TryRunAsync(name, arguments, cancellation);
        if (exit != 0)
            throw new InvalidOperationException($"{name} ended with {exit}: {output}");
    }

    public static async Task<(int Exit, string Output)> TryRunAsync(string name, IEnumerable<string> arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(name, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        string output = await process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        await process.WaitForExitAsync(CancellationToken.None);
        cancellation.ThrowIfCancellationRequested();
        return (process.ExitCode, (output + await error).Trim());
    }
}
