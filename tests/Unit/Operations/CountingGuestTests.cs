namespace MomentTools.Tests.Operations;

/// <summary>The guest itself: without one that counts, no test of memory proves anything.</summary>
public sealed class CountingGuestTests
{
    [SkippableFact]
    public async Task ItCountsAndGoesOnAfterAStart()
    {
        await using CountingGuest guest = await CountingGuest.CreateAsync();
        await guest.StartAsync();
        int[] first = await guest.NextAsync();
        Assert.Equal(first[0] + 1, first[1]);
        await guest.Machine.StopAsync();
        int held = guest.CountIn(guest.Machine.DiskPath("vda"));
        Assert.True(held >= first[1]);
        await guest.StartAsync();
        Assert.Equal(held + 1, (await guest.NextAsync(after: 0))[0]);
    }
}
