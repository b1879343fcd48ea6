using System.Globalization;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace MomentTools.Tests.Operations;

/// <summary>
/// Random stories against real QEMU with an oracle that knows every byte: after every operation, what changed since every moment, and
/// between every two, is held against what really did. Longer: MOMENTTOOLS_RANDOM_SEQUENCES is how many stories, of
/// MOMENTTOOLS_RANDOM_OPERATIONS operations each; MOMENTTOOLS_RANDOM_SEED is where the seeds begin.
/// </summary>
public sealed class RandomStoryTests(ITestOutputHelper output)
{
    private const int Sequences = 6;
    private const int Operations = 24;

    [SkippableFact]
    public async Task NoAnswerIsEverTooSmall()
    {
        int first = Number("MOMENTTOOLS_RANDOM_SEED", 1), count = Number("MOMENTTOOLS_RANDOM_SEQUENCES", Sequences);
        var counts = new StoryCounts();
        for (int seed = first; seed < first + count; seed++)
            await TellAsync(seed, counts);
        output.WriteLine(counts.ToString());
        Assert.True(counts.Exact > 0 && counts.Restored > 0, "nothing was checked");
    }

    private static async Task TellAsync(int seed, StoryCounts counts)
    {
        await using RandomStory story = await RandomStory.BeginAsync(seed, counts);
        try
        {
            for (int operation = Number("MOMENTTOOLS_RANDOM_OPERATIONS", Operations); operation > 0; operation--)
                await story.StepAsync();
            await story.EndAsync();
        }
        catch (Exception failure)
        {
            throw new XunitException($"seed {seed}: {failure.Message}\nThe story:\n  {story.Told}", failure);
        }
    }

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int number) ? number : otherwise;
}
