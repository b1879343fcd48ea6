using System.Diagnostics;
using System.Text;
using MomentTools.Errors;

namespace MomentTools.Fuzz;

/// <summary>
/// Tries one input after the other on a target. Input number n of a run has the seed of the run plus n, so that any of them is repeated by
/// its own seed. Time and memory that are over their bounds are measured once more before they count: the machine may be busy.
/// </summary>
internal sealed class FuzzRun(IFuzzTarget target, int seed)
{
    private const int MostCrashes = 20;
    private const int LongestMessage = 4000;

    // A hundred times what the slowest takes: files are flushed meanwhile, and the machine has other work.
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(3);

    // Nothing takes as long; what does will not end.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<string> _crashes = [];
    private int _inputs;
    private int _refused;
    private TimeSpan _longest;
    private long _mostBytes;

    /// <param name="inputs">How many inputs are tried at most.</param>
    /// <param name="time">How long inputs are tried at most.</param>
    public async Task<FuzzResult> RunAsync(int inputs, TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        // Once before anything is measured: what is compiled and loaded is no input's doing.
        await TryAsync(seed, 1);
        while (_inputs < inputs && Stopwatch.GetElapsedTime(start) < time && _crashes.Count < MostCrashes)
        {
            int first = unchecked(seed + _inputs), count = Math.Min(target.Together, inputs - _inputs);
            Outcome outcome = await TryAsync(first, count);
            if (IsOver(outcome, count))
                outcome = Least(outcome, await TryAsync(first, count));
            if (IsOver(outcome, count))
                outcome = Least(outcome, await TryAsync(first, count));
            Count(outcome, first, count);
        }

        // What did not end holds its thread, and perhaps locks: nothing more is asked of it.
        if (!_crashes.Exists(crash => crash.Contains("does not end", StringComparison.Ordinal)))
            _crashes.AddRange(target.Judge());
        return new FuzzResult(target.Name, seed, _inputs, _refused, _inputs - _refused, _longest, _mostBytes, _crashes);
    }

    private void Count(Outcome outcome, int first, int count)
    {
        _inputs += count;
        _refused += outcome.Refused;
        _crashes.AddRange(outcome.Crashes);
        _longest = outcome.Longest > _longest ? outcome.Longest : _longest;
        _mostBytes = Math.Max(_mostBytes, outcome.Bytes / count);
        if (outcome.Longest >= TimeLimit)
            _crashes.Add($"seed {first}: took {outcome.Longest}");
        if (outcome.Bytes > count * target.MostBytes)
            _crashes.Add($"seed {first}: {outcome.Bytes / count} bytes were allocated, more than {target.MostBytes}");
    }

    private bool IsOver(Outcome outcome, int count) => outcome.Longest >= TimeLimit || outcome.Bytes > count * target.MostBytes;

    private static Outcome Least(Outcome one, Outcome other) => one with
    {
        Longest = other.Longest < one.Longest ? other.Longest : one.Longest,
        Bytes = Math.Min(one.Bytes, other.Bytes),
    };

    private async Task<Outcome> TryAsync(int first, int count)
    {
        FuzzInput[] inputs = [.. Enumerable.Range(0, count).Select(index => target.Make(RandomOf(unchecked(first + index))))];
        long before = GC.GetTotalAllocatedBytes();
        (bool Accepted, string? Crash, TimeSpan Elapsed)[] all = await Task.WhenAll(inputs.Select(input => Task.Run(() => TryAsync(input))));
        long bytes = GC.GetTotalAllocatedBytes() - before;
        return new Outcome(
            all.Count(one => !one.Accepted),
            [.. all.Index().Where(one => one.Item.Crash is not null).Select(one => $"seed {unchecked(first + one.Index)}: {one.Item.Crash}\n{Keep(inputs[one.Index], unchecked(first + one.Index))}")],
            all.Max(one => one.Elapsed), bytes);
    }

    private async Task<(bool Accepted, string? Crash, TimeSpan Elapsed)> TryAsync(FuzzInput input)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            // On a thread of its own: what does not end must not hold this one.
            bool accepted = await Task.Run(() => target.ReadAsync(input)).WaitAsync(Patience);
            return (accepted, null, Stopwatch.GetElapsedTime(start));
        }
        catch (MomentException refusal)
        {
            return (false, WrongWords(refusal), Stopwatch.GetElapsedTime(start));
        }
        catch (TimeoutException)
        {
            return (false, $"does not end, not in {Patience.TotalSeconds} seconds", TimeSpan.Zero);
        }
        catch (Exception crash)
        {
            return (false, crash is FuzzFailure ? crash.Message : crash.ToString(), Stopwatch.GetElapsedTime(start));
        }
    }

    // An error is printed at a prompt: what a stranger wrote must not fill it, or speak to the terminal.
    private static string? WrongWords(MomentException refusal)
    {
        string words = refusal.Message + refusal.Advice;
        return words.Length > LongestMessage ? $"{refusal.ErrorId.Name} has {words.Length} characters: {words[..200]}"
            : words.EnumerateRunes().Any(rune => Rune.IsControl(rune) && rune.Value is not ('\n' or '\t')) ? $"{refusal.ErrorId.Name} has control characters: {Uri.EscapeDataString(words)}"
            : null;
    }

    // Neighbouring seeds shall not give neighbouring inputs.
    private static Random RandomOf(int number) => new(unchecked((int)(((uint)number * 2654435761) ^ ((uint)number >> 15))));

    private string Keep(FuzzInput input, int number)
    {
        string path = Path.Combine(Path.GetTempPath(), $"momenttools-fuzz-{target.Name}-{number}");
        File.WriteAllBytes(path, [.. input.Parts.SelectMany(part => part)]);
        return $"kept as {path}; repeat it with MOMENTTOOLS_FUZZ_SEED={number}";
    }

    private sealed record Outcome(int Refused, IReadOnlyList<string> Crashes, TimeSpan Longest, long Bytes);
}
