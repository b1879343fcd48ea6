using System.Diagnostics;

namespace MomentTools.Fuzz;

/// <summary>The real tools that make inputs and judge answers.</summary>
internal static class FuzzTool
{
    // An image may name anything; a tool that follows it may wait for ever.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static bool Has(params string[] names)
    {
        string[] path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        return names.All(name => path.Any(directory => File.Exists(Path.Combine(directory, name))));
    }

    /// <summary>Runs a tool to its end; a non-zero exit is an exception with its words.</summary>
    public static string Run(string name, params string[] arguments)
    {
        (int? exit, string output, string error) = TryRun(name, arguments);
        return exit == 0 ? output : throw new InvalidOperationException($"{name} {string.Join(' ', arguments)} ended with {exit}: {output}{error}");
    }

    /// <summary>Runs a tool; the exit is null where it had to be killed.</summary>
    public static (int? Exit, string Output, string Error) TryRun(string name, params string[] arguments)
    {
        var start = new ProcessStartInfo(name, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        bool ended = process.WaitForExit(Patience);
        if (!ended)
            process.Kill();
        return (ended ? process.ExitCode : null, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }
}
