using System.Diagnostics;
using MomentTools.Machines;

namespace MomentTools.Operations.Layers;

/// <summary>qemu-img, for the little that QEMU's storage daemon cannot do.</summary>
internal static class ImageCommand
{
    private const string Program = "qemu-img";

    /// <summary>Gives an image another backing file without looking at its data; its bitmaps stay.</summary>
    public static async Task RebaseAsync(string disk, string image, string? backing, string? format)
    {
        string[] arguments = ["rebase", "-u", "-f", "qcow2", .. backing is null ? (string[])["-b", ""] : ["-b", backing, "-F", format!], image];
        (int exit, string words) = await RunAsync(arguments, CancellationToken.None);
        if (exit != 0)
            throw LayerErrors.CommandFailed(disk, $"{Program} rebase", words);
    }

    /// <summary>What is wrong with an image, in qemu-img's words, or null; leaked clusters are not wrong.</summary>
    /// <param name="image">The image.</param>
    /// <param name="shared">Whether QEMU has it open for reading.</param>
    /// <param name="cancellation">Ends the check.</param>
    public static async Task<string?> CheckAsync(string image, bool shared, CancellationToken cancellation)
    {
        const int leaks = 3, unsupported = 63;
        (int exit, string words) = await RunAsync(["check", .. shared ? (string[])["-U"] : [], "-q", "-f", "qcow2", image], cancellation);
        return exit is 0 or leaks or unsupported ? null : words.Length > 0 ? words : $"{Program} check ended with {exit}";
    }

    private static async Task<(int Exit, string Words)> RunAsync(string[] arguments, CancellationToken cancellation)
    {
        ProcessStartInfo start = QemuPrograms.Start(QemuPrograms.Require(Program), arguments);
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None), error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }

        string words = (await error).Trim();
        return (process.ExitCode, words.Length > 0 ? words : (await output).Trim());
    }
}
