namespace MomentTools.Tests.Operations.Serving;

/// <summary>Leases that run out while a test waits: long enough for all that comes before it on the busiest host.</summary>
internal static class ServingTimes
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    /// <summary>Waits until a time has passed.</summary>
    public static async Task PassAsync(DateTimeOffset? time)
    {
        Assert.NotNull(time);
        while (DateTimeOffset.UtcNow <= time)
            await Task.Delay(Look);
    }
}
