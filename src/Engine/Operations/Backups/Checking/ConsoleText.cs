using System.Text;
using MomentTools.Files;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>What a guest writes on its consoles, read as the files grow; of what was read only the end is kept.</summary>
/// <param name="paths">The files; one that is not there yet is empty.</param>
/// <param name="wanted">The text to look for, or null for none. A carriage return in what the guest writes does not count.</param>
internal sealed class ConsoleText(IReadOnlyList<string> paths, string? wanted)
{
    private const int Piece = 64 << 10;
    private const int Kept = 4 << 10;
    private const int MostLines = 12;
    private const int LongestLine = 160;

    private readonly long[] _positions = new long[paths.Count];
    private readonly string[] _ends = [.. paths.Select(_ => "")];
    private readonly Decoder[] _decoders = [.. paths.Select(_ => Encoding.UTF8.GetDecoder())];

    /// <summary>Reads on.</summary>
    /// <returns>Whether the text was there.</returns>
    public bool Look()
    {
        bool found = false;
        for (int index = 0; index < paths.Count; index++)
            found |= Look(index);
        return found;
    }

    /// <summary>The last lines that were written, for a person to read.</summary>
    public string Tail()
    {
        string[] lines = [.. _ends.SelectMany(end => end.Split('\n')).Select(Plain).Where(line => line.Length > 0)];
        return string.Join('\n', lines.TakeLast(MostLines));
    }

    private bool Look(int index)
    {
        bool found = false;
        byte[] bytes = new byte[Piece];
        char[] characters = new char[Piece + 1];
        try
        {
            using var file = new FileStream(paths[index], FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
            file.Position = _positions[index];
            for (int read; (read = file.Read(bytes)) > 0;)
            {
                _positions[index] += read;
                int count = _decoders[index].GetChars(bytes, 0, read, characters, 0);
                string text = _ends[index] + new string(characters, 0, count).Replace("\r", "", StringComparison.Ordinal);
                found |= wanted is not null && text.Contains(wanted, StringComparison.Ordinal);
                // What may be the beginning of the text is kept in any case.
                int keep = Math.Max(Kept, wanted?.Length ?? 0);
                _ends[index] = text.Length > keep ? text[^keep..] : text;
            }
        }
        catch (FileNotFoundException)
        {
            // QEMU makes it when it starts.
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read", paths[index]);
        }

        return found;
    }

    // Control characters move the cursor of a terminal, or worse.
    private static string Plain(string line)
    {
        string plain = new([.. line.Where(character => !char.IsControl(character))]);
        return plain.Length > LongestLine ? plain[..LongestLine] : plain.Trim();
    }
}
