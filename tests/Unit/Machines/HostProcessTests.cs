using System.Diagnostics;
using MomentTools.Machines;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines;

public sealed class HostProcessTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [SkippableFact]
    public async Task AnEndIsThatOfTheLastThread()
    {
        Tool.Require("python3");
        // Its first thread ends at once, and what is shown of the process is what is shown of a dead one.
        var start = new ProcessStartInfo("python3", ["-c", "import ctypes, threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\nctypes.CDLL(None).pthread_exit(None)"]) { UseShellExecute = false };
        using Process process = Process.Start(start)!;
        HostProcess seen = HostProcess.Find(process.Id)!;
        for (long since = Stopwatch.GetTimestamp(); !(await File.ReadAllTextAsync($"/proc/{process.Id}/stat")).Contains(") Z", StringComparison.Ordinal); await Task.Delay(5))
            Assert.True(Stopwatch.GetElapsedTime(since) < Patience, "the first thread does not end");
        Assert.Null(HostProcess.Find(process.Id));
        Assert.False(await seen.EndsWithinAsync(TimeSpan.FromMilliseconds(50), CancellationToken.None));

        process.Kill();
        Assert.True(await seen.EndsWithinAsync(Patience, CancellationToken.None));
        await process.WaitForExitAsync();
    }
}
