using System.Globalization;
using MomentTools.Fuzz;

// Tries damaged inputs on every reader of the engine, or on those that are named, each for its share of the time, and fails where one crashes.
// MOMENTTOOLS_FUZZ_MINUTES: how long in all, 60 where it is not set. MOMENTTOOLS_FUZZ_SEED: the first input's seed, to repeat what was found.
double minutes = FuzzPlan.Minutes ?? 60;
int seed = FuzzPlan.Seed ?? Random.Shared.Next();
string[] names = args.Length > 0 ? args : [.. FuzzPlan.Names];
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed}, {minutes} minutes"));
bool crashed = false;
if (names.Except(FuzzPlan.Names, StringComparer.Ordinal).FirstOrDefault() is { } unknown)
{
    Console.Error.WriteLine($"There is no target '{unknown}', only {string.Join(", ", FuzzPlan.Names)}.");
    return 2;
}

foreach (string name in names)
{
    if (FuzzPlan.WhyNot(name) is { } reason)
    {
        Console.WriteLine($"fuzzing {name}: left out, {reason}");
        continue;
    }

    using IFuzzTarget target = FuzzPlan.Make(name);
    FuzzResult result = await new FuzzRun(target, seed).RunAsync(int.MaxValue, TimeSpan.FromMinutes(minutes / names.Length));
    Console.WriteLine(result);
    foreach (string crash in result.Crashes)
        Console.WriteLine(crash);
    crashed |= result.Crashes.Count > 0;
}

return crashed ? 1 : 0;
