using MomentTools.Errors;
using MomentTools.Fuzz;
using MomentTools.Fuzz.Targets;
using MomentTools.Qmp;
using Xunit.Abstractions;

namespace MomentTools.Tests.Fuzzing;

/// <summary>Runs alone: it measures what is allocated and how long it takes.</summary>
[CollectionDefinition(nameof(FuzzTests), DisableParallelization = true)]
public sealed class FuzzCollection;

/// <summary>
/// Every reader of what others wrote, with damaged inputs: by seed, so that each run tries the same; or, with MOMENTTOOLS_FUZZ_MINUTES, for
/// that long in all, from another seed each time. tests/Fuzz is the same as a program.
/// </summary>
[Collection(nameof(FuzzTests))]
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const int UsualSeed = 20261121;

    public static TheoryData<string> Targets => [.. FuzzPlan.Names];

    // What is damaged is known to be sound: else every input would be refused for one and the same reason.
    [Fact]
    public async Task TheConversationWithAMonitorSucceedsButForItsOneRefusal()
    {
        Exception?[] ends = await QmpTarget.TalkAsync([.. QmpTarget.Sound.Parts], 100, new QmpOptions { GreetingTimeout = TimeSpan.FromMinutes(1) });
        Assert.Equal([null, null, null, null, QmpErrors.QmpCommandFailed], ends.Select(end => (end as MomentException)?.ErrorId));
    }

    [SkippableTheory]
    [MemberData(nameof(Targets))]
    public async Task NothingButRefusalsOfOursComesOut(string name)
    {
        string? reason = FuzzPlan.WhyNot(name);
        Skip.If(reason is not null, reason);
        using IFuzzTarget target = FuzzPlan.Make(name);
        bool longer = FuzzPlan.Minutes is not null;
        FuzzResult result = await new FuzzRun(target, FuzzPlan.Seed ?? (longer ? Random.Shared.Next() : UsualSeed))
            .RunAsync(longer ? int.MaxValue : target.Inputs, longer ? TimeSpan.FromMinutes(FuzzPlan.Minutes!.Value / FuzzPlan.Names.Count) : TimeSpan.MaxValue);
        output.WriteLine(result.ToString());
        Assert.True(result.Crashes.Count == 0, string.Join("\n\n", result.Crashes));
        // Neither all nor none: the damage reaches the reader, and the reader gets past its first look.
        Assert.True(result.Refused > result.Inputs / 100 && result.Accepted > result.Inputs / 100, result.ToString());
    }
}
