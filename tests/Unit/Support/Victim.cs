using System.Globalization;
using MomentTools.Machines;

namespace MomentTools.Tests.Support;

/// <summary>A process that a test kills as a power cut would.</summary>
internal static class Victim
{
    // However busy the host is: it has to give back all of the machine's memory.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Kills it, if it lives, and waits until it does no more.</summary>
    public static async Task KillAsync(int id)
    {
        if (HostProcess.Find(id) is not { } process)
            return;
        process.Signal(HostProcess.Kill);
        Assert.True(await process.EndsWithinAsync(Patience, CancellationToken.None), string.Create(CultureInfo.InvariantCulture, $"process {id} does not end"));
    }
}
