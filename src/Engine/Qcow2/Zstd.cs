using System.Runtime.InteropServices;

namespace MomentTools.Qcow2;

/// <summary>The system's zstd library, which is asked for only when an image is compressed with it.</summary>
internal static partial class Zstd
{
    private const string Library = "libzstd.so.1";

    /// <summary>Fills <paramref name="destination"/> from the frames at the beginning of <paramref name="source"/>; false when they do not hold as much.</summary>
    public static unsafe bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        fixed (byte* from = source, to = destination)
        {
            nuint taken = 0, filled = 0;
            while (filled < (nuint)destination.Length)
            {
                // The descriptor counts whole sectors, so foreign bytes follow the frame: its own length is asked for first.
                nuint frame = FindFrameCompressedSize(from + taken, (nuint)source.Length - taken);
                if (IsError(frame) != 0 || frame == 0)
                    return false;
                nuint made = Decompress(to + filled, (nuint)destination.Length - filled, from + taken, frame);
                if (IsError(made) != 0)
                    return false;
                taken += frame;
                filled += made;
            }

            return true;
        }
    }

    [LibraryImport(Library, EntryPoint = "ZSTD_findFrameCompressedSize")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static unsafe partial nuint FindFrameCompressedSize(byte* source, nuint size);

    [LibraryImport(Library, EntryPoint = "ZSTD_decompress")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static unsafe partial nuint Decompress(byte* destination, nuint capacity, byte* source, nuint size);

    [LibraryImport(Library, EntryPoint = "ZSTD_isError")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial uint IsError(nuint code);
}
