using System.Diagnostics;

namespace MomentTools.Tests.Support;

/// <summary>The real tools that tests work with: <c>qemu-img</c>, <c>qemu-io</c>, <c>nbdinfo</c> and their like.</summary>
internal static class Tool
{
    /// <summary>Skips the test, saying why, where a tool is not installed.</summary>
    public static void Require(params string[] names)
    {
        foreach (string name in names)
            Skip.If(Find(name) is null, $"{name} is not on PATH: install it to run this test");
    }

    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists);

    /// <summary>Runs a tool to its end and gives what it printed; a non-zero exit fails the test with its words.</summary>
    public static string Run(string name, params string[] arguments)
    {
        (int exit, string output, string error) = TryRun(name, arguments);
        Assert.True(exit == 0, $"{name} {string.Join(' ', arguments)} ended with {exit}: {output}{error}");
        return output;
    }

    public static (int Exit, string Output, string Error) TryRun(string name, params string[] arguments)
    {
        var start = new ProcessStartInfo(name, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
    }
}
