using System.Diagnostics;
using System.Text;

namespace MomentTools.Machines;

/// <summary>What a process says on its standard error; its standard output is taken and dropped, so that it never blocks.</summary>
internal sealed class ProcessWords
{
    private const int Most = 1 << 16;

    // The second line of QEMU's warning that a program without bitmap support wrote to an image.
    private const string WarningGoesOn = "Some clusters may be leaked, run 'qemu-img check -r'";

    private readonly StringBuilder _text = new();
    private readonly Task _reading;

    public ProcessWords(Process process)
    {
        process.StandardInput.Close();
        _reading = Task.WhenAll(ReadAsync(process.StandardError, keep: true), ReadAsync(process.StandardOutput, keep: false));
    }

    /// <summary>Waits until the process has closed its ends, and gives its complaints: what it said, warnings left out.</summary>
    public async Task<string> ToEndAsync()
    {
        await _reading;
        return SoFar;
    }

    /// <summary>The complaints until now.</summary>
    public string SoFar
    {
        get
        {
            string text;
            lock (_text)
                text = _text.ToString();
            IEnumerable<string> lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            return string.Join('\n', lines.Where(line => !line.Contains("warning: ", StringComparison.Ordinal) && !line.StartsWith(WarningGoesOn, StringComparison.Ordinal)));
        }
    }

    private async Task ReadAsync(StreamReader reader, bool keep)
    {
        char[] buffer = new char[1024];
        while (await reader.ReadAsync(buffer) is > 0 and var read)
        {
            lock (_text)
            {
                if (keep && _text.Length < Most)
                    _text.Append(buffer, 0, read);
            }
        }
    }
}
