using MomentTools.Errors;

namespace MomentTools.Tour;

/// <summary>What the tour prints: chapters, tables, and the engine's own warnings.</summary>
internal sealed class Talk : IOperationReport
{
    public static void Chapter(string title)
    {
        Console.WriteLine();
        Console.WriteLine($"== {title}");
    }

    /// <summary>Prints rows under a heading, each column as wide as its widest cell.</summary>
    public static void Table(IReadOnlyList<string> heading, IEnumerable<IReadOnlyList<string>> rows)
    {
        List<IReadOnlyList<string>> lines = [heading, [.. heading.Select(word => new string('-', word.Length))], .. rows];
        int[] widths = [.. Enumerable.Range(0, heading.Count).Select(column => lines.Max(line => line[column].Length))];
        foreach (IReadOnlyList<string> line in lines)
            Console.WriteLine("   " + string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    public static string Size(long bytes) => bytes switch
    {
        < 1L << 10 => $"{bytes} B",
        < 1L << 20 => $"{bytes / 1024.0:0.#} KiB",
        < 1L << 30 => $"{bytes / 1048576.0:0.#} MiB",
        _ => $"{bytes / 1073741824.0:0.#} GiB",
    };

    public void Warning(string text) => Console.WriteLine($"   warning: {text}");

    public void Verbose(string text)
    {
        // The tour tells its own story.
    }

    public void Progress(OperationProgress progress)
    {
        // Its disks are small.
    }

    public void Failure(MomentException failure) => Console.WriteLine($"   {failure.ErrorId}: {failure.Message}");
}
