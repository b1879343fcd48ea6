using System.Diagnostics;
using MomentTools.Machines;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines;

public sealed class ImageHoldersTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [SkippableFact]
    public void AProcessThatIsBeingStartedHoldsNothingYet()
    {
        Tool.Require("mkfifo", "true");
        using var scratch = new ScratchDirectory();
        string path = scratch["image"];
        using (File.Create(path))
        {
            using var started = new HalfStarted(scratch);
            for (long start = Stopwatch.GetTimestamp(); !Holding(path).Any(id => id != Environment.ProcessId);)
                Assert.True(Stopwatch.GetElapsedTime(start) < Patience, "nothing is started");

            Assert.Empty(ImageHolders.Of(path));
            Assert.Empty(ImageHolders.Below(scratch.Path));
        }
    }

    [SkippableFact]
    public void AnotherProcessDoes()
    {
        Tool.Require("sleep", "sh");
        using var scratch = new ScratchDirectory();
        string path = scratch["image"];
        File.WriteAllText(path, "");
        var start = new ProcessStartInfo("sh", ["-c", $"exec 7<'{path}'; echo open; exec sleep 600"]) { UseShellExecute = false, RedirectStandardOutput = true };
        using Process holder = Process.Start(start)!;
        Assert.Equal("open", holder.StandardOutput.ReadLine());
        Assert.Equal(holder.Id, Assert.Single(ImageHolders.Processes(path)).Id);
        Assert.Equal((holder.Id, path), Assert.Single(ImageHolders.Below(scratch.Path).Select(held => (held.Process.Id, held.Path))));
        holder.Kill();
        holder.WaitForExit();
        Assert.Empty(ImageHolders.Of(path));
    }

    private static IEnumerable<int> Holding(string path) =>
        from process in HostProcess.All()
        where Links(process.Id).Contains(path, StringComparer.Ordinal)
        select process.Id;

    private static string?[] Links(int id)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries($"/proc/{id}/fd").Select(file => new FileInfo(file).LinkTarget)];
        }
        catch (IOException)
        {
            return [];
        }
    }
}
