using Microsoft.Win32.SafeHandles;
using MomentTools.Files;

namespace MomentTools.Blocks;

/// <summary>A new raw file for its owner alone, sparse where nothing was written.</summary>
/// <remarks>Writes go into the page cache at the speed of memory: another thread for each would cost more than it gains.</remarks>
internal sealed class RawFileWriter : IBlockWriter
{
    private static readonly byte[] Zeroes = new byte[256 << 10];

    private readonly FileStream _stream;
    private readonly string _path;

    private RawFileWriter(FileStream stream, string path, long length)
    {
        _stream = stream;
        _path = path;
        Length = length;
    }

    public long Length { get; }

    public int Alignment => 1;

    private SafeFileHandle File => _stream.SafeFileHandle;

    /// <summary>Makes the file, which must not exist: <paramref name="length"/> bytes that all read as zeroes and take no room.</summary>
    public static RawFileWriter Create(string path, long length)
    {
        FileStream stream = OwnedFile.Create(path);
        try
        {
            RandomAccess.SetLength(stream.SafeFileHandle, length);
            return new RawFileWriter(stream, path, length);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            stream.Dispose();
            System.IO.File.Delete(path);
            throw FileErrors.From(failure, "make room in", path);
        }
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        RequireInside(offset, data.Length);
        cancellation.ThrowIfCancellationRequested();
        return Do("write", () => RandomAccess.Write(File, data.Span, offset));
    }

    public ValueTask ZeroAsync(long offset, long length, CancellationToken cancellation)
    {
        RequireInside(offset, length);
        cancellation.ThrowIfCancellationRequested();
        return Do("write", () =>
        {
            if (Libc.TryPunchHole(File, offset, length))
                return;
            for (long end = offset + length; offset < end; offset += Zeroes.Length)
            {
                cancellation.ThrowIfCancellationRequested();
                RandomAccess.Write(File, Zeroes.AsSpan(0, (int)Math.Min(end - offset, Zeroes.Length)), offset);
            }
        });
    }

    public Task FlushAsync(CancellationToken cancellation) => Do("flush", () => RandomAccess.FlushToDisk(File)).AsTask();

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private ValueTask Do(string doing, Action work)
    {
        try
        {
            work();
            return ValueTask.CompletedTask;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return ValueTask.FromException(FileErrors.From(failure, doing, _path));
        }
    }

    private void RequireInside(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > Length - length)
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{length} bytes from there do not lie inside a file of {Length} bytes.");
    }
}
