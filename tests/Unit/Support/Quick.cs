using System.Diagnostics;

namespace MomentTools.Tests.Support;

/// <summary>
/// What must be quick: the host's other work only ever adds to the time, and may add to all of a few rounds, so there are as many as it needs
/// to be quick once. What is slow by itself never is.
/// </summary>
internal static class Quick
{
    private const int MostRounds = 30;

    /// <summary>Asserts that it takes less than that long.</summary>
    public static void Within(TimeSpan bound, Action work) => WithinAsync(bound, () =>
    {
        work();
        return Task.CompletedTask;
    }).GetAwaiter().GetResult();

    /// <summary>Asserts that it takes less than that long.</summary>
    public static async Task WithinAsync(TimeSpan bound, Func<Task> work)
    {
        TimeSpan best = TimeSpan.MaxValue;
        for (int round = 0; round < MostRounds && best >= bound; round++)
        {
            long start = Stopwatch.GetTimestamp();
            await work();
            TimeSpan took = Stopwatch.GetElapsedTime(start);
            best = took < best ? took : best;
        }

        Assert.True(best < bound, $"it takes {best}, and not less than {bound}");
    }
}
