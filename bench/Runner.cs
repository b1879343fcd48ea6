using System.Diagnostics;

namespace MomentTools.Bench;

/// <summary>
/// Runs each bench in turn: rounds to warm up, then rounds in which both ways run one after the other, so that
/// whatever else the machine does meets both. What counts is the ratio of the medians.
/// </summary>
/// <param name="recordPath">The file that gets the table, or null.</param>
/// <param name="some">Whether these are not all: their table then goes behind what the file has.</param>
internal sealed class Runner(string? recordPath, bool some)
{
    // The lines of the header that a second table needs not.
    private const int Introduction = 3;
    private const string Measured = "## Measured";

    public async Task<int> RunAsync(IReadOnlyList<IBench> benches, bool memory, CancellationToken cancellation)
    {
        List<string> lines = [.. Header(), "", "| what | ours | beside | median of ours | median of theirs | ratio |", "|---|---|---|---|---|---|"];
        lines.ForEach(Console.WriteLine);
        List<string> skipped = [];
        int failed = 0;
        foreach (IBench bench in benches)
        {
            await using (bench)
            {
                try
                {
                    (string? line, string? reason) = await MeasureAsync(bench, cancellation);
                    if (line is not null)
                    {
                        lines.Add(line);
                        Console.WriteLine(line);
                    }
                    else
                    {
                        skipped.Add($"skipped: {bench.Subject}: {reason}");
                    }
                }
                catch (Exception failure) when (failure is not OperationCanceledException)
                {
                    // What the others measured is not lost by it.
                    failed++;
                    skipped.Add($"failed: {bench.Subject}: {failure.Message.ReplaceLineEndings(" ")}");
                    await Console.Error.WriteLineAsync(failure.ToString());
                }
            }
        }

        if (memory)
        {
            IReadOnlyList<string> table = await PeakMemory.TableAsync(cancellation);
            List<string> rest = ["", .. table];
            rest.ForEach(Console.WriteLine);
            lines.AddRange(rest);
        }

        if (skipped.Count > 0)
        {
            List<string> rest = ["", .. skipped.Select(sentence => sentence + "  ")];
            rest.ForEach(Console.WriteLine);
            lines.AddRange(rest);
        }

        if (recordPath is not null && some)
            await File.AppendAllTextAsync(recordPath, "\n## A later run of some of them\n" + string.Join('\n', lines.Skip(Introduction)) + "\n", cancellation);
        else if (recordPath is not null)
            await File.WriteAllTextAsync(recordPath, await KeptAsync(recordPath, cancellation) + string.Join('\n', lines) + "\n", cancellation);
        return failed == 0 && (memory || benches.Count > skipped.Count) ? 0 : 1;
    }

    // What was asked and what was missed is said by hand, before what is measured.
    private static async Task<string> KeptAsync(string path, CancellationToken cancellation)
    {
        string text = File.Exists(path) ? await File.ReadAllTextAsync(path, cancellation) : "";
        return text.IndexOf(Measured, StringComparison.Ordinal) is > 0 and var at ? text[..at] : "# Benchmarks\n\n";
    }

    private static async Task<(string? Line, string? Reason)> MeasureAsync(IBench bench, CancellationToken cancellation)
    {
        string scratch = Directory.CreateTempSubdirectory("mtb").FullName;
        try
        {
            if (await bench.PrepareAsync(scratch, cancellation) is { } reason)
                return (null, reason);
            for (int round = 0; round < bench.WarmUps; round++)
            {
                await bench.BeforeRoundAsync(cancellation);
                await bench.OursAsync(cancellation);
                await bench.TheirsAsync(cancellation);
            }

            var ours = new List<double>();
            var theirs = new List<double>();
            var bare = new List<double>();
            for (int round = 0; round < bench.Rounds; round++)
            {
                await bench.BeforeRoundAsync(cancellation);
                ours.Add(await TimeAsync(bench, bench.OursAsync, cancellation));
                theirs.Add(await TimeAsync(bench, bench.TheirsAsync, cancellation));
                if (bench.HasBare)
                    bare.Add(await TimeAsync(bench, bench.BareAsync, cancellation));
            }

            double our = Median(ours), their = Median(theirs);
            string line = $"| {bench.Subject} | {bench.OurWay} | {bench.TheirWay} | {Show(our)} | {Show(their)} | {our / their:0.00} |";
            if (!bench.HasBare)
                return (line, null);
            double above = our - Median(bare);
            return ($"{line}\n| {bench.Subject}, above a bare start of PowerShell | the same less {Show(Median(bare))} | {bench.TheirWay} | {Show(above)} | {Show(their)} | {above / their:0.00} |", null);
        }
        finally
        {
            await bench.DisposeAsync();
            Directory.Delete(scratch, recursive: true);
        }
    }

    private static async Task<double> TimeAsync(IBench bench, Func<CancellationToken, Task> way, CancellationToken cancellation)
    {
        GC.Collect();
        long start = Stopwatch.GetTimestamp();
        for (int at = 0; at < bench.Repeats; at++)
            await way(cancellation);
        return (bench.Told ?? Stopwatch.GetElapsedTime(start)).TotalMilliseconds / bench.Repeats;
    }

    private static double Median(List<double> samples) => samples.Order().ElementAt(samples.Count / 2);

    private static string Show(double milliseconds) => milliseconds < 1 ? $"{milliseconds * 1000:0} µs" : $"{milliseconds:0.0} ms";

    private static IEnumerable<string> Header()
    {
        yield return Measured;
        yield return "";
        yield return "Written by `./build.sh bench -Record`; not edited by hand from here on. Both columns were measured in one run, in turns, "
            + $"median of 7 (one round where a round takes minutes). The ratio is ours divided by theirs: below 1 means that ours is faster. Starting a process is part of what a command-line tool costs.";
        yield return "";
        yield return $"{DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC; {Environment.ProcessorCount} cores, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GiB of memory; "
            + $"{File.ReadLines("/etc/os-release").First(line => line.StartsWith("PRETTY_NAME=", StringComparison.Ordinal))[12..].Trim('"')}; "
            + $".NET {Environment.Version}; {Tool.FirstLine("qemu-img", "--version")}; {Tool.FirstLine("nbdinfo", "--version")}; {Tool.FirstLine("pwsh", "--version")}";
    }
}
