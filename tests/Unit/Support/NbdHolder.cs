using System.Diagnostics;

namespace MomentTools.Tests.Support;

/// <summary>A qemu-nbd that has a qcow2 image open for writing, and writes nothing.</summary>
internal static class NbdHolder
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1), Look = TimeSpan.FromMilliseconds(5);

    /// <summary>Starts it; the caller ends it.</summary>
    public static Process Start(string image, string socket)
    {
        Tool.Require("qemu-nbd", "nbdinfo");
        Process holder = Process.Start("qemu-nbd", ["--persistent", "-f", "qcow2", "-k", socket, image]);
        // It listens before it has opened the image.
        for (long start = Stopwatch.GetTimestamp(); Tool.TryRun("nbdinfo", "--size", "nbd+unix:///?socket=" + socket).Exit != 0; Thread.Sleep(Look))
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience && !holder.HasExited, $"qemu-nbd does not serve {image}");
        return holder;
    }
}
