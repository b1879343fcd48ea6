using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MomentTools.Machines;

/// <summary>qemu-img check: whether the tables of a qcow2 image agree with its reference counts. Of the files that it names none is opened.</summary>
internal sealed class ImageCheck
{
    private const string Program = "qemu-img";
    private const int Sound = 0;
    private const int Corrupt = 2;
    private const int Leaks = 3;
    private const int LongestWords = 400;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private const long BytesPerSecond = 16 << 20;
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _program;

    private ImageCheck(string program) => _program = program;

    /// <summary>The tool, or null where it is not installed.</summary>
    public static ImageCheck? Find() => QemuPrograms.Find(Program) is { } program ? new ImageCheck(program) : null;

    /// <summary>Checks an image that nobody writes to.</summary>
    /// <param name="path">The image.</param>
    /// <param name="length">Bytes of the file: a hostile one may be made to be looked at for ever.</param>
    /// <param name="cancellation">Ends the tool.</param>
    /// <returns>What is wrong in qemu-img's words, or null; and whether space is lost in it, which harms nothing.</returns>
    public async Task<(string? Damage, bool Leaks)> RunAsync(string path, long length, CancellationToken cancellation)
    {
        var image = new JsonObject
        {
            ["driver"] = "qcow2",
            ["backing"] = null,
            ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = path },
        };
        ProcessStartInfo start = QemuPrograms.Start(_program, "check", "json:" + image.ToJsonString(Plain));
        using Process process = Process.Start(start)!;
        var words = new ProcessWords(process);
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        time.CancelAfter(Patience + TimeSpan.FromSeconds(length / BytesPerSecond));
        try
        {
            await process.WaitForExitAsync(time.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            cancellation.ThrowIfCancellationRequested();
            return ("it did not come to an end", false);
        }

        string said = await words.ToEndAsync();
        return process.ExitCode switch
        {
            Sound => (null, false),
            Leaks => (null, true),
            Corrupt => (FirstOf(said), false),
            _ => ($"it ended with the code {process.ExitCode}: {FirstOf(said)}", false),
        };
    }

    private static string FirstOf(string words)
    {
        string[] lines = words.Split('\n');
        string line = (lines.FirstOrDefault(one => one.StartsWith("ERROR", StringComparison.Ordinal)) ?? lines[0]).Trim();
        return line.Length == 0 ? "it says no more" : line.Length <= LongestWords ? line : line[..LongestWords] + "…";
    }
}
