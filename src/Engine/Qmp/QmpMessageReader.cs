using System.Buffers;

namespace MomentTools.Qmp;

/// <summary>
/// Cuts a stream of bytes into QMP messages: whole JSON objects, on one line or (a monitor with pretty=on) on many.
/// Memory grows only with bytes that did arrive, up to a bound; each byte is looked at once.
/// </summary>
internal sealed class QmpMessageReader(Stream stream, int maxMessageBytes)
{
    private const int SmallBuffer = 16 << 10;

    private static readonly SearchValues<byte> Structure = SearchValues.Create("\"{}[]"u8);
    private static readonly SearchValues<byte> StringEnd = SearchValues.Create("\"\\"u8);

    private byte[] _buffer = new byte[SmallBuffer];
    private int _start;
    private int _scanned;
    private int _end;
    private int _depth;
    private bool _inString;

    /// <summary>Reads the next message; it is valid until the next call. Empty at the end of the stream.</summary>
    /// <exception cref="InvalidDataException">What came cannot be QMP, or is larger than the bound.</exception>
    /// <exception cref="EndOfStreamException">The stream ended inside a message.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            if (TryCut(out ReadOnlyMemory<byte> message))
                return message;
            MakeRoom();
            int read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellation);
            if (read == 0)
                return _end == _start ? default : throw new EndOfStreamException("the other side closed the connection in the middle of a message");
            _end += read;
        }
    }

    private bool TryCut(out ReadOnlyMemory<byte> message)
    {
        if (_depth == 0)
            SkipToObject();
        while (_scanned < _end)
        {
            ReadOnlySpan<byte> rest = _buffer.AsSpan(_scanned, _end - _scanned);
            int at = rest.IndexOfAny(_inString ? StringEnd : Structure);
            if (at < 0)
            {
                _scanned = _end;
                break;
            }

            byte found = rest[at];
            if (found == '\\')
            {
                // The escaped character may not have come yet: then the backslash is looked at again.
                if (at + 1 == rest.Length)
                {
                    _scanned += at;
                    break;
                }

                _scanned += at + 2;
                continue;
            }

            _scanned += at + 1;
            if (found == '"')
                _inString = !_inString;
            else if (found is (byte)'{' or (byte)'[')
                _depth++;
            else if (--_depth == 0)
            {
                message = _buffer.AsMemory(_start, _scanned - _start);
                _start = _scanned;
                return CheckSize(message.Length);
            }
        }

        message = default;
        return false;
    }

    private void SkipToObject()
    {
        while (_start < _end && _buffer[_start] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
            _start++;
        _scanned = _start;
        if (_start < _end && _buffer[_start] != '{')
            throw new InvalidDataException($"a message begins with byte 0x{_buffer[_start]:x2}, not with '{{'");
    }

    private void MakeRoom()
    {
        int held = _end - _start;
        CheckSize(held);
        byte[] target = _buffer;
        if (held == 0 && _buffer.Length > SmallBuffer)
            target = new byte[SmallBuffer];
        else if (held == _buffer.Length)
            target = new byte[(int)Math.Min(held * 2L, Math.Min(maxMessageBytes + 1L, Array.MaxLength))];
        else if (_end < _buffer.Length)
            return;
        _buffer.AsSpan(_start, held).CopyTo(target);
        _buffer = target;
        (_start, _scanned, _end) = (0, _scanned - _start, held);
    }

    private bool CheckSize(int length) =>
        length <= maxMessageBytes ? true : throw new InvalidDataException($"a message is larger than {maxMessageBytes} bytes");
}
