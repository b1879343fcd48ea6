using System.Text;

namespace MomentTools.Machines;

/// <summary>
/// Cuts what a guest's agent sends into lines. The guest is not trusted: a line and what is skipped are bounded, and memory grows only
/// with bytes that did arrive.
/// </summary>
internal sealed class GuestAgentReader(Stream stream)
{
    /// <summary>The byte before the answer to <c>guest-sync-delimited</c>; it occurs in no UTF-8 text.</summary>
    public const byte Delimiter = 0xFF;

    public const int LongestLine = 64 << 10;
    public const int MostSkipped = 1 << 20;

    private readonly byte[] _buffer = new byte[LongestLine];
    private int _start;
    private int _end;

    /// <summary>The next line that is not empty, without its end and without half an answer cut off by a delimiter; null at the end of the stream.</summary>
    /// <exception cref="InvalidDataException">The line is longer than the bound.</exception>
    public async Task<string?> ReadLineAsync(CancellationToken cancellation)
    {
        while (true)
        {
            int at = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (at >= 0)
            {
                int cut = _buffer.AsSpan(_start, at).LastIndexOf(Delimiter) + 1;
                string line = Encoding.UTF8.GetString(_buffer, _start + cut, at - cut).Trim();
                _start += at + 1;
                if (line.Length > 0)
                    return line;
                continue;
            }

            if (_end - _start == LongestLine)
                throw new InvalidDataException($"a line is longer than {LongestLine} bytes");
            if (!await FillAsync(cancellation))
                return null;
        }
    }

    /// <summary>Skips whatever came before the next delimiter; false at the end of the stream.</summary>
    /// <exception cref="InvalidDataException">More than the bound came without a delimiter.</exception>
    public async Task<bool> SkipToDelimiterAsync(CancellationToken cancellation)
    {
        for (long skipped = 0; ;)
        {
            int at = _buffer.AsSpan(_start, _end - _start).IndexOf(Delimiter);
            if (at >= 0)
            {
                _start += at + 1;
                return true;
            }

            skipped += _end - _start;
            _start = _end = 0;
            if (skipped > MostSkipped)
                throw new InvalidDataException($"more than {MostSkipped} bytes came before the answer");
            if (!await FillAsync(cancellation))
                return false;
        }
    }

    private async Task<bool> FillAsync(CancellationToken cancellation)
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        int read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellation);
        _end += read;
        return read > 0;
    }
}
