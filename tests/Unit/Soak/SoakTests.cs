using System.Diagnostics;
using System.Globalization;
using MomentTools.Tests.Operations.Backups;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace MomentTools.Tests.Soak;

/// <summary>
/// A guest that writes and checks itself, for MOMENTTOOLS_SOAK_MINUTES (2), while everything there is runs against it at random, from
/// MOMENTTOOLS_SOAK_SEED.
/// </summary>
[Trait("Proof", "soak")]
public sealed class SoakTests(FileGuest guest, ITestOutputHelper output) : IClassFixture<FileGuest>
{
    [SkippableFact]
    public async Task EverythingHoldsWhileTheGuestWrites()
    {
        Skip.IfNot(guest.Missing is null, guest.Missing);
        double minutes = double.TryParse(Environment.GetEnvironmentVariable("MOMENTTOOLS_SOAK_MINUTES"), CultureInfo.InvariantCulture, out double asked) ? asked : 2;
        int seed = int.TryParse(Environment.GetEnvironmentVariable("MOMENTTOOLS_SOAK_SEED"), CultureInfo.InvariantCulture, out int given) ? given : Random.Shared.Next(1, 1_000_000);
        await using var soak = new SoakStory(guest, seed);
        try
        {
            await soak.BeginAsync();
            for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start).TotalMinutes < minutes;)
                await soak.StepAsync();
            await soak.EndAsync();
        }
        catch (Exception failure)
        {
            throw new XunitException($"MOMENTTOOLS_SOAK_SEED={seed}: {failure.Message}\nWhat was done:\n  {soak.Told}", failure);
        }

        output.WriteLine($"soak of {minutes} minutes, seed {seed}: {soak.Counts}");
        Assert.True(soak.Counts is { Compared: > 0, Answers: > 0 }, "nothing was compared");
    }
}
