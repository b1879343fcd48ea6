using System.Diagnostics;

namespace MomentTools.Bench;

/// <summary>The tools that we are measured beside.</summary>
internal static class Tool
{
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists);

    /// <summary>The first of the tools that is not on PATH, in a sentence, or null.</summary>
    public static string? Missing(params IEnumerable<string> names) =>
        names.FirstOrDefault(name => Find(name) is null) is { } missing ? $"{missing} is not on PATH" : null;

    /// <summary>Runs a tool to its end; its output is read and dropped.</summary>
    public static async Task<string> RunAsync(string name, IEnumerable<string> arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(name, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync(cancellation);
        string output = await process.StandardOutput.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{name} ended with {process.ExitCode}: {output}{await error}");
    }

    public static string FirstLine(string name, params string[] arguments) =>
        Find(name) is null ? $"no {name}" : RunAsync(name, arguments, CancellationToken.None).GetAwaiter().GetResult().Split('\n')[0].Trim();
}
