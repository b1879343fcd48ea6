namespace MomentTools.Fuzz;

/// <summary>What came of a run over one target.</summary>
/// <param name="Longest">What the slowest input took.</param>
/// <param name="MostBytes">What was allocated for the greediest input.</param>
/// <param name="Crashes">Everything that is wrong, each with the seed that repeats it.</param>
internal sealed record FuzzResult(string Target, int Seed, int Inputs, int Refused, int Accepted, TimeSpan Longest, long MostBytes, IReadOnlyList<string> Crashes)
{
    public override string ToString() =>
        $"fuzzing {Target}: {Inputs} inputs, {Refused} refused, {Accepted} accepted, {Crashes.Count} crashed (seed {Seed}; at most {Longest.TotalMilliseconds:0} ms and {MostBytes >> 10} KiB an input)";
}
