using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MomentTools.Files;

namespace MomentTools.Qcow2;

/// <summary>
/// An open file or block device, read by position and never written. Others may write it meanwhile, so its length
/// is asked again before anything is called missing.
/// </summary>
internal sealed class ImageFile : IDisposable
{
    private const int NotPermitted = 1;
    private const int NoEntry = 2;
    private const int NoSuchPlace = 6;
    private const int NoAccess = 13;
    private const int NotDirectory = 20;

    private readonly SafeFileHandle _handle;
    private long _length;

    private ImageFile(string path, SafeFileHandle handle, long length)
    {
        Path = path;
        _handle = handle;
        _length = length;
    }

    public string Path { get; }

    /// <summary>The length of the file in bytes, as last seen.</summary>
    public long Length => Volatile.Read(ref _length);

    public static ImageFile Open(string path)
    {
        // Without O_NONBLOCK a FIFO in place of the image would hold us until somebody writes to it.
        int descriptor = Libc.Open(path, Libc.ReadOnly | Libc.CloseOnExec | Libc.NonBlocking);
        if (descriptor < 0)
            throw FileErrors.From(LastFailure(), "open", path);
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        long length = Directory.Exists(path) ? -1 : Libc.Seek(handle, 0, Libc.SeekEnd);
        if (length >= 0)
            return new ImageFile(path, handle, length);
        handle.Dispose();
        throw Qcow2Errors.NotRecognised(path, "it is no file or device that can be read by position");
    }

    /// <summary>Whether [offset, offset + length) lies inside the file.</summary>
    public bool Holds(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > long.MaxValue - length)
            return false;
        return offset + length <= Length || offset + length <= Refresh();
    }

    /// <summary>Fills the buffer with a structure of the format that has to be there whole.</summary>
    public async ValueTask ReadExactlyAsync(string what, long offset, Memory<byte> buffer, CancellationToken cancellation)
    {
        if (!Holds(offset, buffer.Length) || await ReadAsync(offset, buffer, cancellation) < buffer.Length)
            throw Qcow2Errors.Truncated(Path, what, offset, buffer.Length, Length);
    }

    /// <summary>Fills the buffer as far as the file reaches, and gives the number of bytes.</summary>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellation)
    {
        int done = 0;
        try
        {
            while (done < buffer.Length)
            {
                int read = await RandomAccess.ReadAsync(_handle, buffer[done..], offset + done, cancellation);
                if (read == 0)
                    break;
                done += read;
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read", Path);
        }

        return done;
    }

    /// <summary>A contiguous table of big-endian 64-bit numbers.</summary>
    public async ValueTask<ulong[]> ReadTableAsync(string what, long offset, int entries, CancellationToken cancellation)
    {
        if (!Holds(offset, (long)entries * sizeof(ulong)))
            throw Qcow2Errors.Truncated(Path, what, offset, (long)entries * sizeof(ulong), Length);
        ulong[] table = new ulong[entries];
        await ReadTableAsync(what, offset, table, new byte[Math.Min(entries, 8192) * sizeof(ulong)], cancellation);
        return table;
    }

    /// <summary>The same into an array that is used again and again.</summary>
    /// <param name="what">The structure, for the error.</param>
    /// <param name="offset">Where it lies.</param>
    /// <param name="table">Is filled.</param>
    /// <param name="buffer">Some numbers' bytes at least.</param>
    /// <param name="cancellation">Stops the reading.</param>
    public async ValueTask ReadTableAsync(string what, long offset, ulong[] table, byte[] buffer, CancellationToken cancellation)
    {
        for (int at = 0; at < table.Length; at += buffer.Length / sizeof(ulong))
        {
            Memory<byte> part = buffer.AsMemory(0, Math.Min(buffer.Length, (table.Length - at) * sizeof(ulong)));
            await ReadExactlyAsync(what, offset + (long)at * sizeof(ulong), part, cancellation);
            BigEndian.Copy(part.Span, table.AsSpan(at));
        }
    }

    /// <summary>Where data begins at or after an offset; the file's length when none is left (<c>lseek</c>).</summary>
    public long NextData(long offset)
    {
        long found = Libc.Seek(_handle, offset, Libc.SeekData);
        if (found >= offset)
            return found;
        // Block devices and some file systems do not know: then all of it is data, never zeroes.
        return Marshal.GetLastPInvokeError() == NoSuchPlace ? Length : offset;
    }

    /// <summary>Where the next hole begins at or after an offset; the file's length when none is known.</summary>
    public long NextHole(long offset)
    {
        long found = Libc.Seek(_handle, offset, Libc.SeekHole);
        return found >= offset ? found : Length;
    }

    public void Dispose() => _handle.Dispose();

    private long Refresh()
    {
        long length = Libc.Seek(_handle, 0, Libc.SeekEnd);
        if (length >= 0)
            Volatile.Write(ref _length, length);
        return Length;
    }

    /// <summary>The last failed call of the C library as the exception .NET would have thrown.</summary>
    public static Exception LastFailure()
    {
        string words = Marshal.GetLastPInvokeErrorMessage();
        return Marshal.GetLastPInvokeError() switch
        {
            NoEntry or NotDirectory => new FileNotFoundException(words),
            NotPermitted or NoAccess => new UnauthorizedAccessException(words),
            int number => new IOException(words, number),
        };
    }
}
